import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { NewEvent, StreamName } from '@daybook/kernel/event.ts';
import type { NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { postgresEventStore } from '../event-store/postgres.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { memoryLog } from '../logging/memory-log.ts';
import { deliveryOf, open, spend } from './command-bus.fixture.ts';
import { countingStore, keepingBus } from './kept-states.fixture.ts';
import { postgresSnapshots } from './snapshots.ts';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let store: ReturnType<typeof countingStore>;
let log: ReturnType<typeof memoryLog>;

beforeEach(async () => {
  opened = await freshDatabase();
  log = memoryLog();
  store = countingStore(postgresEventStore({ database: opened.database, wakeups: memoryWakeups(), log }));
});
afterEach(async () => {
  await store.close();
  await opened.drop();
});

/** A bus as of a process that has just started: its cache is empty. */
function freshProcess({ fingerprint = 'fold 1', everyEvents = 100 } = {}) {
  const snapshots = postgresSnapshots({
    database: opened.database,
    fingerprintOf: (category) => (category === 'account' ? fingerprint : undefined),
    everyEvents,
    log,
  });
  const bus = keepingBus(store, { snapshots, log });
  const spends = (amount: number, id: string) => bus.execute(spend, { id: '1', amount }, deliveryOf(id));
  return { spends, written: () => snapshots.close(), bus };
}

type Row = { revision: number; fingerprint: string; tenant_id: string; state: string };

async function rows(): Promise<Row[]> {
  const { rows: found } = await opened.database.pool.query<Row>(
    'select revision, fingerprint, tenant_id, state from runtime.snapshots order by stream',
  );
  return found;
}

/** Events as the account's commands record them, without the commands. */
async function recorded(count: number, stream: StreamName = 'account-1'): Promise<void> {
  for (let first = 0; first < count; first += 5_000) {
    const events = Array.from({ length: Math.min(5_000, count - first) }, (_, n) => eventAt(first + n));
    await store.append(stream, 'any', events as unknown as NonEmpty<NewEvent>);
  }
}

function eventAt(n: number): NewEvent {
  const { commandId, ...delivery } = deliveryOf(`import ${String(n)}`);
  return {
    id: crypto.randomUUID(),
    ...(n === 0 ? { type: 'Opened', data: {} } : { type: 'Credited', data: { amount: 1 } }),
    metadata: { schemaVersion: 1, command: 'Import', commandId, ...delivery },
  };
}

describe('a stream of 100,000 events', () => {
  test('is read whole once, and from then on by its end, in any process', async () => {
    await recorded(100_000);
    const first = freshProcess({ everyEvents: 500 });
    store.taken();
    expect(await first.spends(1, 'c0')).toMatchObject({ ok: true, revision: 100_000 });
    expect(store.taken()).toEqual({ reads: 2, events: 100_000, finds: 0, appends: 1 });
    await first.written();
    expect(await rows()).toMatchObject([{ revision: 99_999 }]);

    const second = freshProcess({ everyEvents: 500 });
    expect(await second.spends(1, 'c1')).toMatchObject({
      ok: true,
      revision: 100_001,
      answer: { balance: 99_997 },
    });
    // Its beginning up to where snapshots begin, then the snapshot's last event and the one behind it.
    expect(store.taken()).toEqual({ reads: 2, events: 502, finds: 1, appends: 1 });
    await second.spends(1, 'c2');
    expect(store.taken()).toEqual({ reads: 0, events: 0, finds: 0, appends: 1 });
    // What an earlier process recorded is known, by its id.
    expect(await second.spends(5, 'c1')).toMatchObject({ revision: 100_001, answer: { balance: 99_997 } });
    await second.written();
  }, 60_000);
});

test('snapshots follow the stream, behind the commands, and short streams have none', async () => {
  await recorded(99);
  const process = freshProcess();
  await process.bus.execute(open, { id: 'short', amount: 1 }, deliveryOf('s0'));
  await process.spends(1, 'c0');
  await process.written();
  expect(await rows()).toMatchObject([{ revision: 99, state: '{"open":true,"balance":97}' }]);
  for (let n = 1; n <= 99; n += 1) await process.spends(0.5, `c${String(n)}`);
  await process.written();
  expect(await rows()).toMatchObject([{ revision: 99 }]);
  await process.spends(0.5, 'c100');
  await process.written();
  expect(await rows()).toMatchObject([
    { revision: 199, tenant_id: 'tenant', state: '{"open":true,"balance":47}' },
  ]);
});

test('a snapshot of another fold is passed over and gives way', async () => {
  await recorded(150);
  const before = freshProcess();
  await before.spends(1, 'c0');
  await before.written();
  await opened.database.pool.query(`update runtime.snapshots set state = '{"open":true,"balance":-5}'`);
  const after = freshProcess({ fingerprint: 'fold 2' });
  expect(await after.spends(1, 'c1')).toMatchObject({ answer: { balance: 147 } });
  await after.written();
  expect(await rows()).toMatchObject([{ fingerprint: 'fold 2', revision: 150 }]);
  expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
});

test.each([
  ['that is no JSON', `state = '{"open":tr'`, 'A snapshot cannot be read; the stream is folded instead.'],
  ['of a revision the log has not', 'revision = 9999', 'A snapshot does not fit the log and is dropped.'],
  ['of another event', 'event_id = gen_random_uuid()', 'A snapshot does not fit the log and is dropped.'],
  ['of another tenant', `tenant_id = 'theirs'`, 'A snapshot does not fit the log and is dropped.'],
])('a snapshot %s is passed over with a warning and replaced', async (_, damage, warning) => {
  await recorded(150);
  const before = freshProcess();
  await before.spends(1, 'c0');
  await before.written();
  await opened.database.pool.query(`update runtime.snapshots set ${damage}`);
  const after = freshProcess();
  expect(await after.spends(1, 'c1')).toMatchObject({ revision: 151, answer: { balance: 147 } });
  expect(log.lines.filter(({ level }) => level === 'warn')).toMatchObject([{ message: warning }]);
  await after.written();
  expect(await rows()).toMatchObject([
    { revision: 150, tenant_id: 'tenant', state: '{"open":true,"balance":148}' },
  ]);
});

test('a warning never quotes what a snapshot holds', async () => {
  await recorded(150);
  const before = freshProcess();
  await before.spends(1, 'c0');
  await before.written();
  await opened.database.pool.query(`update runtime.snapshots set state = 'planted-secret'`);
  await freshProcess().spends(1, 'c1');
  expect(log.lines).toHaveLength(1);
  expect(JSON.stringify(log.lines)).not.toContain('planted');
});

test('without the table everything is as it was', async () => {
  await recorded(150);
  const before = freshProcess();
  await before.spends(1, 'c0');
  await before.written();
  await opened.database.pool.query('drop table runtime.snapshots');
  const after = freshProcess();
  expect(await after.spends(1, 'c1')).toMatchObject({ revision: 151, answer: { balance: 147 } });
  expect(await after.spends(9, 'c1')).toMatchObject({ revision: 151, answer: { balance: 147 } });
  await after.written();
  expect(log.lines.every(({ level }) => level === 'warn')).toBe(true);
});

test.each(['snapshot.writing', 'snapshot.written'] as const)(
  'a failure before or after the write changes no answer: %s',
  async (name) => {
    await recorded(150);
    const disarm = onFailpoint(name, {
      does: () => {
        throw new Error('killed');
      },
    });
    const before = freshProcess();
    try {
      expect(await before.spends(1, 'c0')).toMatchObject({ answer: { balance: 148 } });
      await before.written();
    } finally {
      disarm();
    }
    expect(await rows()).toHaveLength(name === 'snapshot.writing' ? 0 : 1);
    const after = freshProcess();
    expect(await after.spends(1, 'c1')).toMatchObject({ answer: { balance: 147 } });
    expect(await after.spends(9, 'c0')).toMatchObject({ revision: 150, answer: { balance: 148 } });
    await after.written();
    expect(await rows()).toHaveLength(1);
  },
);

test('a writer that comes late takes no later snapshot away', async () => {
  await recorded(150);
  const late = freshProcess();
  let letGo: () => void = () => undefined;
  let held = 0;
  const disarm = onFailpoint('snapshot.writing', {
    nth: 1,
    does: () =>
      new Promise<void>((go) => {
        held += 1;
        letGo = go;
      }),
  });
  try {
    await late.spends(1, 'c0');
    await eventually(() => {
      expect(held).toBe(1);
    });
    const other = freshProcess();
    await recorded(100);
    await other.spends(1, 'c1');
    await other.written();
    expect(await rows()).toMatchObject([{ revision: 250 }]);
    letGo();
    await late.written();
    expect(await rows()).toMatchObject([{ revision: 250 }]);
  } finally {
    disarm();
  }
});
