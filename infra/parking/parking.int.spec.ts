import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { beginning, type RecordedEvent } from '@daybook/kernel/event.ts';
import { defineProjection } from '@daybook/kernel/projection.ts';
import { recorded } from '@daybook/kernel/specification.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { ensureCheckpoints, projectionConsumer } from '../runtime/checkpoints.ts';
import { makeProjector } from '../runtime/projector.ts';
import { openQueryDatabase } from '../runtime/query-database.ts';
import { ensureReadModel } from '../runtime/read-models.ts';
import { postgresTopics } from '../topics/postgres-topics.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { explain } from './explanation.ts';
import {
  findParked,
  listParked,
  mostCounted,
  parkedKinds,
  parkedPage,
  parkedSummary,
  type Parked,
  type ParkedRow,
} from './parked.ts';
import { parkingLot, type ParkingLot } from './parked-acts.ts';

type Noted = Readonly<{ type: 'Noted'; data: Readonly<{ book: string; text: string }> }>;
type BookRow = Readonly<{ book: string; texts: string[] }>;

let bad = new Set<string>();
const secret = 'sealed:v1:subject:user-1:c2VjcmV0';

const books = defineProjection<Noted, BookRow, 'book'>({
  name: 'testBooks',
  version: 1,
  table: { columns: { book: { type: 'text' }, texts: { type: 'textArray' } }, key: ['book'] },
  handles: ['Noted'],
  keys: ({ data }) => [{ book: data.book }],
  evolve: (row, { data }) => {
    if (bad.has(data.text)) throw new Error(`cannot note ${secret} of ada@example.com`);
    return { book: data.book, texts: [...(row?.texts ?? []), data.text] };
  },
});
const { group } = projectionConsumer(books);

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let topics: Topics;
let lot: ParkingLot;
let stopping: AbortController;
let running: Promise<void>;
let last = 0;
const wakeups = memoryWakeups();

beforeEach(async () => {
  bad = new Set();
  last = 0;
  opened = await freshDatabase();
  const { database } = opened;
  topics = postgresTopics({
    database,
    wakeups,
    log: silentLog,
    retention: { everyMs: 0 },
    pace: { activePollMs: 5, idlePollMs: 50 },
  });
  await topics.ensure(eventsTopic, { partitions: 1 });
  const { consumer } = await ensureReadModel(database, books);
  await ensureCheckpoints(database.pool, consumer, 1, beginning);
  lot = parkingLot({ database, topics, wakeups });
  stopping = new AbortController();
  const { handle } = makeProjector({
    projection: books,
    codec: jsonCodec,
    database,
    wakeups,
    log: silentLog,
  });
  running = topics.run(eventsTopic, group, handle, { signal: stopping.signal, maxBatch: 500 });
});
afterEach(async () => {
  stopping.abort();
  await running;
  await topics.close();
  await opened.drop();
});

/** Publishes notes `tenant text` in order, as the relay would. */
async function note(...notes: readonly string[]): Promise<readonly RecordedEvent[]> {
  const events = recorded(
    notes.map((each) => {
      const [tenantId = '', text = ''] = each.split(' ');
      return { type: 'Noted', data: { book: 'b', text }, metadata: { tenantId } };
    }),
  ).map((event) => {
    last += 1;
    return { ...event, position: String(last).padStart(20, '0') as RecordedEvent['position'] };
  });
  for (let at = 0; at < events.length; at += 1_000)
    await topics.publish(eventsTopic, events.slice(at, at + 1_000).map(jsonCodec.encode));
  return events;
}

async function textsOf(tenant: string): Promise<readonly string[]> {
  const { rows } = await opened.database.pool.query<{ texts: string[] }>(
    `select texts from runtime_test_books where tenant_id = $1`.replace(
      'runtime_test_books',
      (await tableOf()) ?? '',
    ),
    [tenant],
  );
  return rows[0]?.texts ?? [];
}

async function tableOf(): Promise<string | undefined> {
  const { rows } = await opened.database.pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where tablename like 'test_books%'`,
  );
  return rows[0]?.name;
}

const list = () => listParked(opened.database.pool, {}, { limit: 10 });

function onlyParked(waiting: number): Promise<Parked> {
  return eventually(
    async () => {
      const [one, ...others] = await list();
      expect(others).toEqual([]);
      expect(one).toMatchObject({ status: 'parked', waiting });
      if (one === undefined) throw new Error('Nothing is parked.');
      return one;
    },
    { withinMs: 30_000 },
  );
}

const soon = <T>(assertion: () => T | Promise<T>) => eventually(assertion, { withinMs: 30_000 });

describe('a message that cannot be handled', () => {
  test('is listed with all that is known of it and nothing secret; its tenant waits, others go on', async () => {
    bad.add('poison');
    const events = await note('a one', 'a poison', 'b one', 'a two');
    const parked = await onlyParked(1);
    expect(parked).toMatchObject({
      kind: 'message',
      consumer: group,
      tenantId: 'a',
      about: 'Noted',
      topic: eventsTopic,
      partition: 0,
      offset: 1,
      key: 'a',
      eventId: events[1]?.id,
      eventType: 'Noted',
      stream: events[1]?.stream,
      revision: events[1]?.revision,
      position: events[1]?.position,
      reason: 'handler-throws',
      attempts: 1,
    });
    expect(parked.error).toMatch(
      /^The projection throws Error: cannot note \[redacted\] of \[redacted\] \(.+:\d+\)\.$/,
    );
    expect(parked.firstFailedAt).toBe(parked.failedAt);
    expect(await textsOf('b')).toEqual(['one']);
    expect(await parkedSummary(opened.database.pool)).toEqual([
      {
        consumer: group,
        kind: 'message',
        parked: 1,
        waiting: 1,
        tenants: 1,
        oldestParkedAt: parked.firstFailedAt,
        oldestSeconds: expect.any(Number),
      },
    ]);
    const [{ oldestParkedAt } = { oldestParkedAt: '' }] = await topics.lag(eventsTopic, group);
    expect(oldestParkedAt).toBe(parked.firstFailedAt);
  });

  test('retried while it cannot be handled it stays, its age and attempts grow; mended, order is whole', async () => {
    bad.add('poison');
    await note('a one', 'a poison', 'a two');
    const parked = await onlyParked(1);
    expect(await lot.retry(parked)).toBe(true);
    const again = await soon(async () => {
      const [found] = await list();
      expect(found).toMatchObject({ status: 'parked', attempts: 2 });
      return found as Parked;
    });
    expect(again).toMatchObject({ parkedId: parked.parkedId, firstFailedAt: parked.firstFailedAt });
    // The first parking of it is over.
    expect(await lot.retry(parked)).toBe(false);
    expect(await lot.skip(parked)).toBe(false);
    bad.clear();
    expect(await lot.retry(again)).toBe(true);
    await note('a three');
    await soon(async () => expect(await textsOf('a')).toEqual(['one', 'poison', 'two', 'three']));
    await soon(async () => expect(await list()).toEqual([]));
    expect(await lot.retry(again)).toBe(false);
  });

  test('skipped it is never taken in, its tenant goes on behind it, and the read model says so', async () => {
    bad.add('poison');
    const events = await note('a one', 'a poison', 'b one');
    const parked = await onlyParked(0);
    expect(await lot.skip(parked)).toBe(true);
    expect(await lot.skip(parked)).toBe(false);
    const { rows } = await opened.database.pool.query(
      `select position from runtime.holds where tenant_id = 'a'`,
    );
    expect(rows).toEqual([{ position: events[1]?.position }]);
    await note('a two', 'b two');
    await soon(async () => expect(await textsOf('a')).toEqual(['one', 'two']));
    await soon(async () => expect(await textsOf('b')).toEqual(['one', 'two']));
    await note('b three');
    await soon(async () => {
      expect((await opened.database.pool.query('select from runtime.holds')).rows).toEqual([]);
      expect((await opened.database.pool.query('select from topics.dead_letters')).rows).toEqual([]);
    });
  });

  test('retried and handled it holds its tenant no longer, though no further message comes', async () => {
    bad.add('poison');
    await note('a one', 'a poison', 'a two', 'b one');
    const parked = await onlyParked(1);
    const holds = () => opened.database.pool.query('select from runtime.holds');
    expect(await holds()).toMatchObject({ rowCount: 1 });
    bad.clear();
    expect(await lot.retry(parked)).toBe(true);
    await soon(async () => expect(await textsOf('a')).toEqual(['one', 'poison', 'two']));
    await soon(async () => expect(await holds()).toMatchObject({ rowCount: 0 }));
    await note('a three', 'b two');
    await soon(async () => expect(await textsOf('a')).toEqual(['one', 'poison', 'two', 'three']));
    await soon(async () => expect(await textsOf('b')).toEqual(['one', 'two']));
  });

  test('ten thousand that wait come back in order, by windows', async () => {
    bad.add('poison');
    await note('a poison');
    await onlyParked(0);
    const many = Array.from({ length: 10_000 }, (_, n) => String(n));
    await note(...many.map((n) => `a ${n}`));
    await soon(async () =>
      expect(await opened.database.pool.query('select from topics.dead_letters')).toMatchObject({
        rowCount: 10_001,
      }),
    );
    const parked = await onlyParked(mostCounted + 1);
    bad.clear();
    await lot.retry(parked);
    const { rows } = await opened.database.pool.query<{ released: number }>(
      'select count(*) filter (where released) as released from topics.dead_letters',
    );
    expect(rows[0]?.released).toBeLessThanOrEqual(1_000);
    await note('a live', 'b live');
    await soon(async () => expect(await textsOf('b')).toEqual(['live']));
    await eventually(async () => expect((await textsOf('a')).at(-1)).toBe('live'), { withinMs: 60_000 });
    expect(await textsOf('a')).toEqual(['poison', ...many, 'live']);
  }, 120_000);

  test.each(['acting', 'acted'] as const)(
    'a death after %s repeats the decision without harm',
    async (step) => {
      bad.add('poison');
      await note('a one', 'a poison', 'a two');
      const parked = await onlyParked(1);
      const revive = onFailpoint(`parking.${step}`, {
        does: () => {
          throw new Error('killed');
        },
      });
      await expect(lot.skip(parked)).rejects.toThrow('killed');
      revive();
      expect(await lot.skip(parked)).toBe(step === 'acting');
      await soon(async () => expect(await textsOf('a')).toEqual(['one', 'two']));
    },
  );

  test('with headers that cannot be shown it is listed all the same', async () => {
    const [strange] = (await note('a one')).map(jsonCodec.encode);
    await topics.publish(eventsTopic, [
      {
        ...(strange as NonNullable<typeof strange>),
        headers: { ce_type: 'No\u0000ted', ce_revision: 'many', ce_position: '' },
        key: 'c',
      },
      { key: 'd', value: Buffer.from('{}'), headers: {} },
    ]);
    await soon(async () =>
      expect((await list()).map(({ tenantId, revision, reason }) => [tenantId, revision, reason])).toEqual([
        ['d', null, 'schema-incompatible'],
      ]),
    );
  });

  test('a tenant sees its own and nobody else’s', async () => {
    bad.add('poison');
    await note('a poison', 'b poison');
    await soon(async () => expect(await list()).toHaveLength(2));
    const queries = openQueryDatabase({ url: opened.url, log: silentLog, poolSize: 1 });
    try {
      for (const tenant of ['a', 'b', 'nobody']) {
        const { text, values } = parkedPage('operations.parked', {}, { limit: 10 });
        const rows = await queries.forTenant(tenant).sql<ParkedRow>(text, values);
        expect(rows.map((row) => row.tenantId)).toEqual(tenant === 'nobody' ? [] : [tenant]);
      }
      await expect(queries.forTenant('a').sql('select from runtime.parked')).rejects.toMatchObject({
        code: 'unavailable',
      });
    } finally {
      await queries.close();
    }
  });

  test('pages and filters', async () => {
    bad.add('poison');
    await note(...Array.from({ length: 7 }, (_, n) => `tenant-${String(n)} poison`));
    await soon(async () => expect(await list()).toHaveLength(7));
    const seen: string[] = [];
    let after: Parked | undefined;
    for (;;) {
      const page = await listParked(
        opened.database.pool,
        { consumer: group, kind: 'message' },
        { limit: 3, ...(after === undefined ? {} : { after }) },
      );
      seen.push(...page.map(({ parkedId }) => parkedId));
      after = page.at(-1);
      if (page.length < 3) break;
    }
    expect(new Set(seen).size).toBe(7);
    const filtered = await listParked(opened.database.pool, { tenantId: 'tenant-3' }, { limit: 10 });
    expect(filtered).toHaveLength(1);
    expect(await listParked(opened.database.pool, { kind: 'timer' }, { limit: 10 })).toEqual([]);
    expect(await findParked(opened.database.pool, filtered[0]?.parkedId ?? '')).toEqual(filtered[0]);
    expect(await findParked(opened.database.pool, 'message-999999')).toBeUndefined();
  });
});

test('every kind is explained, whatever the reason', () => {
  for (const kind of parkedKinds) {
    for (const reason of ['handler-throws', 'schema-unknown', 'outside-failed', 'constructor']) {
      const { cause, effect, todo } = explain({ kind, reason });
      for (const text of [cause, effect, todo]) expect(text).toMatch(/^[A-Z].+\.$/s);
    }
  }
});
