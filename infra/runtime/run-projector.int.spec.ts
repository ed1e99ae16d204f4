import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { NewEvent, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { defineProjection, type AnyProjection } from '@daybook/kernel/projection.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { memoryEventStore } from '../event-store/memory.ts';
import { memoryTopics } from '../topics/memory-topics.ts';
import { ensureCheckpoints, projectionConsumer, readCheckpoint } from './checkpoints.ts';
import { projectFromStore } from './project-from-store.ts';
import { ensureReadModel, showReadModel } from './read-models.ts';
import { runProjector } from './run-projector.ts';
import { partitionsOfTenants } from './tenant-partitions.ts';

type Happened = { type: 'Happened'; data: { thing: string } };
type ThingRow = { thing: string; times: number };

function things(version: number, each = 1): AnyProjection {
  return defineProjection<Happened, ThingRow, 'thing'>({
    name: 'testThings',
    version,
    table: { columns: { thing: { type: 'text' }, times: { type: 'integer' } }, key: ['thing'] },
    handles: ['Happened'],
    keys: ({ data }) => [{ thing: data.thing }],
    evolve: (row, { data }) => ({ thing: data.thing, times: (row?.times ?? 0) + each }),
  });
}

const partitions = 3;
const topic = { name: 'test.events.v1', partitions, retentionMs: 3_600_000 };
const tenants = ['a', 'b', 'c', 'd', 'e'];

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let store: EventStore;
let topics: Topics;
let running: { stop: () => Promise<void> }[] = [];
let count = 0;

beforeEach(async () => {
  opened = await freshDatabase();
  store = memoryEventStore();
  topics = memoryTopics();
  await topics.ensure(topic.name, topic);
});
afterEach(async () => {
  await Promise.all(running.map(({ stop }) => stop()));
  running = [];
  await topics.close();
  await store.close();
  await opened.drop();
});

/** Records events of all tenants in turn; answers with them. */
async function happen(events: number): Promise<readonly RecordedEvent[]> {
  const before = await store.head();
  for (let index = 0; index < events; index += 1) {
    count += 1;
    const event: NewEvent = {
      type: 'Happened',
      data: { thing: `thing-${String(count % 2)}` },
      id: crypto.randomUUID(),
      metadata: {
        schemaVersion: 1,
        tenantId: tenants[count % tenants.length] as string,
        actor: { kind: 'system', id: 'test' },
        commandId: 'c',
        correlationId: 'c',
      },
    };
    await store.append(`thing-${String(count)}`, 'no-stream', [event] as NonEmpty<NewEvent>);
  }
  const recorded: RecordedEvent[] = [];
  for await (const page of store.readAll({ after: before })) recorded.push(...page);
  return recorded;
}

const relay = (events: readonly RecordedEvent[]) => topics.publish(topic.name, events.map(jsonCodec.encode));

function run(
  projection: AnyProjection,
  eventStore = store,
  stopping = new AbortController(),
): { stop: () => Promise<void>; ready: () => boolean } {
  let ready = false;
  const done = runProjector({
    projection,
    topics,
    eventStore,
    codec: jsonCodec,
    database: opened.database,
    wakeups: memoryWakeups(),
    log: silentLog,
    topic,
    signal: stopping.signal,
    onReady: () => {
      ready = true;
    },
  });
  const handle = {
    ready: () => ready,
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
  running.push(handle);
  return handle;
}

async function total(relation = 'read.test_things'): Promise<number> {
  const { rows } = await opened.database.pool.query<{ total: number }>(
    `select coalesce(sum(times), 0) as total from ${relation}`,
  );
  return rows[0]?.total ?? 0;
}

describe('running a projector', () => {
  test('follows the topic from an empty store on', async () => {
    run(things(1));
    await relay(await happen(20));
    await eventually(async () => expect(await total()).toBe(20));
  });

  test('takes history from the store where the topic was emptied, and goes on with the topic', async () => {
    await happen(50);
    const { ready } = run(things(1));
    await eventually(() => expect(ready()).toBe(true));
    expect(await total()).toBe(50);
    await relay(await happen(7));
    await eventually(async () => expect(await total()).toBe(57));
  });

  test('what the topic brings again after the store is passed over', async () => {
    await relay(await happen(30));
    run(things(1));
    await relay(await happen(5));
    await eventually(async () => expect(await total()).toBe(35));
  });

  test('a later version catches up beside the earlier one, and both go on', async () => {
    run(things(1));
    await relay(await happen(10));
    await eventually(async () => expect(await total()).toBe(10));
    run(things(2, 100));
    await eventually(async () => expect(await total()).toBe(1_000));
    await relay(await happen(10));
    await eventually(async () => expect(await total()).toBe(2_000));
    await eventually(async () => expect(await total('read.test_things_v1')).toBe(20));
  });

  test('a projector that stood still for long takes what it missed from the store', async () => {
    const first = run(things(1));
    await relay(await happen(10));
    await eventually(async () => expect(await total()).toBe(10));
    await first.stop();
    await happen(10);
    await opened.database.pool.query(
      `update runtime.checkpoints set moved_at = now() - interval '31 minutes'`,
    );
    run(things(1));
    await eventually(async () => expect(await total()).toBe(20));
  });

  test('a stop while it takes what it missed leaves the rest to the next start', async () => {
    const first = run(things(1));
    await relay(await happen(10));
    await eventually(async () => expect(await total()).toBe(10));
    await first.stop();
    const missed = await happen(10);
    await opened.database.pool.query(
      `update runtime.checkpoints set moved_at = now() - interval '31 minutes'`,
    );
    const stopping = new AbortController();
    const readAll: EventStore['readAll'] = async function* (read) {
      for await (const page of store.readAll({ ...read, pageSize: 1 })) {
        yield page;
        if (page[0]?.position === missed[4]?.position) stopping.abort();
      }
    };
    const halfway = run(things(1), { ...store, readAll }, stopping);
    await eventually(() => expect(stopping.signal.aborted).toBe(true));
    await halfway.stop();
    expect(await total()).toBe(15);
    run(things(1));
    await eventually(async () => expect(await total()).toBe(20));
  });

  test('a start that others overtake again and again ends as soon as they keep the read model up', async () => {
    await relay(await happen(5));
    let passes = 0;
    const overtaken: EventStore = {
      ...store,
      readAll: async function* (options) {
        // What a member does meanwhile that was quicker, and follows the topic by now.
        if ((passes += 1) === 3) await showReadModel(opened.database, things(1));
        await opened.database.pool.query('update runtime.checkpoints set moves = moves + 1');
        yield* store.readAll(options);
      },
    };
    const { ready } = run(things(1), overtaken);
    await eventually(() => expect(ready()).toBe(true));
    expect(passes).toBe(3);
    await relay(await happen(5));
    await eventually(async () => expect(await total()).toBe(10));
  });

  test('several members share the work and count each event once', async () => {
    const members = [run(things(1)), run(things(1)), run(things(1))];
    await eventually(() => expect(members.every(({ ready }) => ready())).toBe(true));
    await relay(await happen(100));
    await members[0]?.stop();
    await relay(await happen(100));
    await eventually(async () => expect(await total()).toBe(200));
  });
});

describe('folding the store', () => {
  const projection = things(1);
  const consumer = projectionConsumer(projection);

  const fold = () =>
    projectFromStore({
      projection,
      eventStore: store,
      database: opened.database,
      partitionOf: partitionsOfTenants(topics, topic.name),
      pageSize: 7,
      signal: new AbortController().signal,
    });

  beforeEach(async () => {
    await ensureReadModel(opened.database, projection);
    await ensureCheckpoints(opened.database.pool, consumer, partitions, '00000000000000000000' as never);
  });

  test('moves every partition to the end of what it read, and does nothing twice', async () => {
    const events = await happen(40);
    expect(await fold()).toBe(40);
    expect(await fold()).toBe(0);
    for (let partition = 0; partition < partitions; partition += 1) {
      const { position } = await readCheckpoint(opened.database.pool, consumer, partition);
      expect(position).toBe(events.at(-1)?.position);
    }
    expect(await total('read.test_things_v1')).toBe(40);
  });

  test('may run several times side by side', async () => {
    await happen(100);
    await Promise.all([fold(), fold(), fold()]);
    expect(await total('read.test_things_v1')).toBe(100);
  });

  test('lets go of tenants that were held', async () => {
    const events = await happen(10);
    await opened.database.pool.query(`insert into runtime.holds select $1, 1, 'a', $2, $3, 'poison'`, [
      consumer.name,
      await topics.partitionFor(topic.name, 'a'),
      events[2]?.position,
    ]);
    await fold();
    const { rows } = await opened.database.pool.query('select from runtime.holds');
    expect(rows).toEqual([]);
    // Of tenant a everything up to the hold counts as in.
    expect(await total('read.test_things_v1')).toBe(
      10 - events.slice(0, 3).filter(({ metadata }) => metadata.tenantId === 'a').length,
    );
  });
});
