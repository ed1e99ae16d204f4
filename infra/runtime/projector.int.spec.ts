import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { done, type Verdict } from '@daybook/kernel/ports/topics.ts';
import { defineProjection, type AnyProjection } from '@daybook/kernel/projection.ts';
import { recorded } from '@daybook/kernel/specification.ts';
import { inPartition, jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { ensureCheckpoints, projectionConsumer, readCheckpoint } from './checkpoints.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { makeProjector } from './projector.ts';
import { ensureReadModel, showReadModel } from './read-models.ts';

type Counted =
  | {
      type: 'Counted';
      data: { counter: string; by: number; at: string; tags: string[]; note: object | null };
    }
  | { type: 'Cleared'; data: { counter: string } };
type CounterRow = {
  counter: string;
  total: number;
  big: number;
  lastAt: string;
  tags: string[];
  note: object | null;
};

const counters = defineProjection<Counted, CounterRow, 'counter'>({
  name: 'testCounters',
  version: 1,
  table: {
    columns: {
      counter: { type: 'text' },
      total: { type: 'integer' },
      big: { type: 'bigint' },
      lastAt: { type: 'instant' },
      tags: { type: 'textArray' },
      note: { type: 'json', nullable: true },
    },
    key: ['counter'],
    indexes: [['lastAt']],
  },
  handles: ['Counted', 'Cleared'],
  keys: ({ data }) => [{ counter: data.counter }],
  evolve: (row, event) => {
    if (event.type === 'Cleared') return null;
    if (event.data.by === 666) throw new Error('a bug');
    if (event.data.by === 667) throw new Error('a bug\0of bytes');
    if (event.data.by === 668) throw new Error(`${'a'.repeat(399)}🦊`);
    const total = (row?.total ?? 0) + event.data.by;
    return {
      counter: event.data.counter,
      total,
      big: total * 2 ** 33,
      lastAt: event.data.at,
      tags: [...(row?.tags ?? []), ...event.data.tags],
      note: event.data.note,
    };
  },
});

let opened: Awaited<ReturnType<typeof freshDatabase>>;
beforeEach(async () => {
  opened = await freshDatabase();
  await prepare(counters);
});
afterEach(() => opened.drop());

async function prepare(projection: AnyProjection): Promise<void> {
  await ensureReadModel(opened.database, projection);
  await ensureCheckpoints(opened.database.pool, projectionConsumer(projection), 2, '0' as never);
  await showReadModel(opened.database, projection);
}

function counted(
  count: number,
  tenantId = 'a',
  overrides: Partial<Counted['data']> = {},
): readonly RecordedEvent[] {
  return recorded(
    Array.from({ length: count }, (_, index) => ({
      type: 'Counted',
      data: {
        counter: `counter-${String(index % 3)}`,
        by: 1,
        at: '2026-01-01T00:00:00.000Z',
        tags: ['x"\\,{}'],
        note: { deep: [1, null] },
        ...overrides,
      },
      metadata: { tenantId },
    })),
  );
}

/** Events at positions of their own, one after the other. */
function placed(...events: RecordedEvent[]): RecordedEvent[] {
  return events.map((event, index) => ({
    ...event,
    position: String(index + 1).padStart(20, '0') as RecordedEvent['position'],
  }));
}

function batch(events: readonly RecordedEvent[], partition = 0) {
  return {
    topic: 'events',
    partition,
    messages: events.map((event, offset) => inPartition(jsonCodec.encode(event), partition, offset)),
  };
}

function die(): never {
  throw new Error('killed');
}

function projector(notified: string[] = []) {
  return makeProjector({
    projection: counters,
    codec: jsonCodec,
    database: opened.database,
    wakeups: { notify: (channel) => notified.push(channel) },
    log: silentLog,
  });
}

async function totals(): Promise<Record<string, number>> {
  const { rows } = await opened.database.pool.query<{ tenant_id: string; counter: string; total: number }>(
    'select tenant_id, counter, total from read.test_counters order by 1, 2',
  );
  return Object.fromEntries(rows.map((row) => [`${row.tenant_id}/${row.counter}`, row.total]));
}

const checkpoint = () => readCheckpoint(opened.database.pool, projectionConsumer(counters), 0);

describe('a projector', () => {
  test('folds batches, moves the checkpoint with the rows, and signals', async () => {
    const notified: string[] = [];
    const { handle } = projector(notified);
    const events = counted(10);
    expect(await handle(batch(events.slice(0, 4)))).toEqual(done);
    expect(await handle(batch(events.slice(4)))).toEqual(done);
    expect(await totals()).toEqual({ 'a/counter-0': 4, 'a/counter-1': 3, 'a/counter-2': 3 });
    expect((await checkpoint()).position).toBe(events[9]?.position);
    expect(notified).toEqual(['checkpoint:testCounters', 'checkpoint:testCounters']);
  });

  test('every type comes back from its column as it went in', async () => {
    const { handle } = projector();
    const [first, second] = placed(...counted(1), ...counted(1));
    await handle(batch([first as RecordedEvent]));
    await handle(batch([second as RecordedEvent]));
    const { rows } = await opened.database.pool.query('select * from read.test_counters');
    expect(rows).toEqual([
      {
        tenant_id: 'a',
        counter: 'counter-0',
        total: 2,
        big: 2 ** 34,
        last_at: '2026-01-01T00:00:00.000Z',
        tags: ['x"\\,{}', 'x"\\,{}'],
        note: { deep: [1, null] },
      },
    ]);
  });

  test('passes over what comes again, to the same member and to another', async () => {
    const events = counted(6);
    const { handle } = projector();
    await handle(batch(events));
    await handle(batch(events));
    await projector().handle(batch(events));
    expect(await totals()).toEqual({ 'a/counter-0': 2, 'a/counter-1': 2, 'a/counter-2': 2 });
  });

  test('counts once what stands twice in one batch', async () => {
    const [first, second, third] = placed(...counted(3));
    const twice = [first, second, first, second, third].flatMap((event) => event ?? []);
    await projector().handle(batch(twice));
    expect(await totals()).toEqual({ 'a/counter-0': 1, 'a/counter-1': 1, 'a/counter-2': 1 });
  });

  test('removes rows, and types it does not handle only move the checkpoint', async () => {
    const { handle } = projector();
    const cleared = recorded([
      { type: 'Cleared', data: { counter: 'counter-0' }, metadata: { tenantId: 'a' } },
    ]);
    const other = recorded([{ type: 'NeverHeardOf', data: {}, metadata: { tenantId: 'a' } }]);
    const events = placed(...counted(3), ...cleared, ...other);
    await handle(batch(events));
    await handle(batch(placed(...counted(3), ...cleared, ...other)));
    expect(await totals()).toEqual({ 'a/counter-1': 1, 'a/counter-2': 1 });
    expect((await checkpoint()).position).toBe(events[4]?.position);
  });

  test.each(['read', 'folded', 'written', 'notified'] as const)(
    'a death after %s neither loses nor doubles',
    async (step) => {
      const revive = onFailpoint(`projector.${step}`, { does: die });
      const dying = projector();
      const events = counted(5);
      expect(await dying.handle(batch(events))).toMatchObject({ do: 'retry' });
      revive();
      expect(await projector().handle(batch(events))).toEqual(done);
      expect(await dying.handle(batch(events))).toEqual(done);
      expect(await totals()).toEqual({ 'a/counter-0': 2, 'a/counter-1': 2, 'a/counter-2': 1 });
    },
  );

  test('of two members with one partition only one moves the checkpoint', async () => {
    const events = counted(40);
    let goOn: (() => void) | undefined;
    const disarm = onFailpoint('projector.folded', {
      nth: 1,
      does: () =>
        new Promise<void>((resolve) => {
          goOn = resolve;
        }),
    });
    const stale = projector().handle(batch(events.slice(0, 20)));
    while (goOn === undefined) await new Promise(setImmediate);
    await projector().handle(batch(events));
    goOn();
    expect(await stale).toEqual(done);
    disarm();
    expect(await totals()).toEqual({ 'a/counter-0': 14, 'a/counter-1': 13, 'a/counter-2': 13 });
    expect((await checkpoint()).position).toBe(events[39]?.position);
  });

  test('partitions side by side are written together, each on its own condition', async () => {
    const { handle } = projector();
    const spoilt = placed(...counted(1, 'b'), ...counted(1, 'b', { by: 2 ** 40 }));
    await handle(batch(counted(1, 'c'), 0));
    await opened.database.pool.query('update runtime.checkpoints set moves = moves + 1 where partition = 0');
    const verdicts = await Promise.all([
      handle(batch(placed(...counted(1, 'c'), ...counted(3, 'c')), 0)),
      handle(batch(spoilt, 1)),
    ]);
    expect(verdicts).toMatchObject([{ do: 'done' }, { do: 'park', index: 1 }]);
    expect(await totals()).toEqual({
      'b/counter-0': 1,
      'c/counter-0': 2,
      'c/counter-1': 1,
      'c/counter-2': 1,
    });
  });

  test('a load that is refused for one partition parks nothing of another that was loaded with it', async () => {
    const { handle } = projector();
    const verdicts = await Promise.all([
      handle(batch(counted(1, 'a', { counter: 'nul\u0000' }), 0)),
      handle(batch(counted(3, 'b'), 1)),
    ]);
    expect(verdicts).toMatchObject([{ do: 'park', index: 0 }, { do: 'done' }]);
    expect(await totals()).toEqual({ 'b/counter-0': 1, 'b/counter-1': 1, 'b/counter-2': 1 });
  });

  test('tenants do not share rows', async () => {
    const { handle } = projector();
    await handle(batch(placed(...counted(1, 'a'), ...counted(1, 'b'))));
    expect(await totals()).toEqual({ 'a/counter-0': 1, 'b/counter-0': 1 });
  });

  test('a failing engine is no reason to park', async () => {
    await opened.database.pool.query('alter table read.test_counters_v1 rename to gone');
    const verdict = await projector().handle(batch(counted(1)));
    expect(verdict).toMatchObject({ do: 'pause' });
    await opened.database.pool.query('alter table read.gone rename to test_counters_v1');
    expect(await projector().handle(batch(counted(1)))).toEqual(done);
  });
});

describe('a message that cannot be handled', () => {
  /** So different that compression is of no use. */
  const manyCharacters = Array.from({ length: 2_000 }, (_, index) =>
    String.fromCodePoint(0x4e00 + ((index * 7_919) % 20_000)),
  ).join('');
  const poisons: [string, readonly RecordedEvent[]][] = [
    ['whose fold throws', counted(1, 'a', { by: 666 })],
    ['whose fold throws what PostgreSQL refuses', counted(1, 'a', { by: 667 })],
    ['whose row PostgreSQL refuses', counted(1, 'a', { counter: 'nul\u0000' })],
    ['whose key is too long for an index', counted(1, 'a', { counter: manyCharacters })],
    ['whose thrown message is cut in a pair', counted(1, 'a', { by: 668 })],
    ['whose number is too large', counted(1, 'a', { by: 2 ** 40 })],
  ];

  test.each(poisons)('%s is parked, and what came before it is in', async (_, poison) => {
    const { handle } = projector();
    const events = placed(...counted(3), ...poison, ...counted(1, 'b'));
    expect(await handle(batch(events))).toMatchObject({ do: 'park', index: 3 });
    expect(await totals()).toEqual({ 'a/counter-0': 1, 'a/counter-1': 1, 'a/counter-2': 1 });
    expect((await checkpoint()).holds.get('a')).toBe(events[2]?.position);
  });

  test('that cannot be decoded is parked; others go on; released, the tenant catches up in order', async () => {
    const { handle } = projector();
    const events = placed(...counted(2), ...counted(1), ...counted(1, 'b'), ...counted(1), ...counted(1));
    const messages = batch(events).messages;
    const broken = { ...(messages[1] as (typeof messages)[0]), value: Buffer.from('{') };
    const of = (...list: typeof messages) => ({ topic: 'events', partition: 0, messages: list });
    const verdict: Verdict = await handle(of(...messages.slice(0, 1), broken, ...messages.slice(2)));
    expect(verdict).toMatchObject({ do: 'park', index: 1 });

    // The topic keeps the tenant's later messages behind the parked one.
    expect(await handle(of(...messages.slice(3, 4)))).toEqual(done);
    expect(await totals()).toEqual({ 'a/counter-0': 1, 'b/counter-0': 1 });
    expect((await checkpoint()).position).toBe(events[3]?.position);
    expect((await checkpoint()).holds.get('a')).toBe(events[0]?.position);

    expect(await projector().handle(of(...messages.slice(1, 3)))).toEqual(done);
    expect(await totals()).toEqual({ 'a/counter-0': 2, 'a/counter-1': 1, 'b/counter-0': 1 });
    expect((await checkpoint()).holds.get('a')).toBe(events[2]?.position);

    expect(await projector().handle(of(...messages.slice(4)))).toEqual(done);
    expect(await totals()).toEqual({ 'a/counter-0': 4, 'a/counter-1': 1, 'b/counter-0': 1 });
    expect((await checkpoint()).holds.size).toBe(0);
  });
});

describe('the table of a projection', () => {
  test('another declaration of the same version is refused', async () => {
    const changed = { ...counters, table: { ...counters.table, indexes: [] } };
    await expect(ensureReadModel(opened.database, changed)).rejects.toMatchObject({
      code: 'configuration-invalid',
    });
  });

  test('the view moves on to a later version and never back', async () => {
    await prepare({ ...counters, version: 2 });
    await showReadModel(opened.database, counters);
    const { rows } = await opened.database.pool.query('select version from runtime.read_models');
    expect(rows).toEqual([{ version: 2 }]);
  });

  test('may be made by several processes at once', async () => {
    const later = { ...counters, version: 3 };
    await Promise.all(Array.from({ length: 5 }, () => prepare(later)));
    expect(await totals()).toEqual({});
  });
});
