import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { NewEvent, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { jsonCodec } from '@daybook/test/support/json-codec.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { openDatabase, type Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { watchLog } from '../event-store/log-watch.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { effectIdOf } from '../runtime/derived-ids.ts';
import { counting, farOff, orders } from '../runtime/process.fixture.ts';
import { postgresTopics } from '../topics/postgres-topics.ts';
import { quietDatabase, storeOf, type House } from './house.fixture.ts';
import { recoverConsumers, type Recovered } from './recover.ts';

const applicationName = 'a test';
let house: House;
let database: Database;
let store: EventStore;
let topics: Topics;
beforeEach(async () => {
  house = await quietDatabase();
  // The house's own connections bear the name of the one that recovers.
  database = openDatabase({ url: house.url, applicationName, log: silentLog });
  store = storeOf(database);
  topics = postgresTopics({ database, wakeups: memoryWakeups(), log: silentLog });
});
afterEach(async () => {
  await topics.close();
  await store.close();
  await database.close();
  await house.drop();
});

type Said = Readonly<{
  type: string;
  data: object;
  stream: string;
  commandId?: string;
  causationId?: string;
}>;

function eventOf({ type, data, commandId = randomUUID(), causationId }: Said): NewEvent {
  return {
    id: randomUUID(),
    type,
    data,
    metadata: {
      schemaVersion: 1,
      tenantId: 'a',
      actor: { kind: 'process', id: 'somebody' },
      commandId,
      correlationId: 'c',
      ...(causationId === undefined ? {} : { causationId }),
    },
  };
}

/** Records, publishes, and lets every consumer take it in. */
async function record(said: Said): Promise<RecordedEvent> {
  const { position } = await store.append(`order-${said.stream}`, 'any', [eventOf(said)]);
  const event = (await store.at(position)) as RecordedEvent;
  await topics.publish(eventsTopic, [jsonCodec.encode(event)]);
  await database.pool.query(
    `insert into topics.relays (name, position) values ('events', $1)
     on conflict (name) do update set position = excluded.position`,
    [position],
  );
  await database.pool.query(
    `insert into runtime.checkpoints (consumer, version, partition, position)
     values ('process testOrders', 1, 0, $1), ('things', 1, 0, $1)
     on conflict (consumer, version, partition) do update set position = excluded.position`,
    [position],
  );
  return event;
}

async function loseAfter({ position }: RecordedEvent): Promise<void> {
  await database.transaction(async (client) => {
    await client.query('set local session_replication_role = replica');
    await client.query('delete from log.events where position > $1', [Number(position)]);
  });
}

async function recover(): Promise<Recovered | null> {
  // A store that appends has a connection of its own.
  await store.close();
  store = storeOf(database);
  return recoverConsumers({
    database,
    applicationName,
    eventStore: store,
    codec: jsonCodec,
    processes: [orders, counting],
    log: silentLog,
  });
}

async function rows<T extends object>(text: string): Promise<readonly T[]> {
  return (await database.pool.query<T>(text)).rows;
}

/** One order that was placed stays; its greeting, a payment and a second order are lost. */
async function loss(): Promise<
  Readonly<{ kept: RecordedEvent; lost: readonly RecordedEvent[]; greet: string }>
> {
  await topics.ensure(eventsTopic, { partitions: 1 });
  await topics.ensure('test.counts.v1', { partitions: 1 });
  const kept = await record({ type: 'Placed', stream: 'one', data: { order: 'one', dueAt: farOff } });
  const greet = effectIdOf('testOrders', 'a', kept.id, 1);
  const [counted, ofLost] = [randomUUID(), randomUUID()];
  const lost = [
    await record({ type: 'Greeted', stream: 'one', data: {}, commandId: greet, causationId: kept.id }),
    await record({ type: 'Paid', stream: 'one', data: { order: 'one', amount: 3 } }),
    await record({ type: 'Placed', stream: 'two', data: { order: 'two', dueAt: farOff } }),
    await record({ type: 'CountKept', stream: 'three', data: {}, causationId: counted }),
  ];
  const message = (id: string, causationId: string): Parameters<Topics['publish']>[1][number] => ({
    key: 'a',
    value: Buffer.from('{}'),
    headers: { ce_id: id, ce_type: 'Counted', ce_causationid: causationId },
  });
  await topics.publish('test.counts.v1', [message(counted, 'x'), message(ofLost, lost[2]?.id ?? '')]);
  await database.pool.query(
    `insert into runtime.process_instances (process, tenant_id, instance_id, state) values
       ('testOrders', 'a', 'one', '{"dueAt": "", "paid": 3, "reminders": 0}'),
       ('testOrders', 'a', 'two', '{"dueAt": "", "paid": 0, "reminders": 0}')`,
  );
  await database.pool.query(
    `insert into runtime.timers (process, tenant_id, instance_id, timer, due_at, fire_at, input_id, metadata)
     values ('testOrders', 'a', 'two', 'reminder', now(), now(), 'x', '{}')`,
  );
  await database.pool.query(
    `insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata)
     values (gen_random_uuid(), 'testOrders', 'a', 'two', '{}', json_build_object('causationId', $1::text))`,
    [lost[2]?.id],
  );
  await database.pool.query(
    `insert into runtime.process_inputs (process, input_id) values ('testCounting', $1), ('testCounting', 'other')`,
    [counted],
  );
  await database.pool.query(
    `insert into topics.groups (topic_id, group_name) select topic_id, 'testCounting' from topics.topics
     where name = 'test.counts.v1'`,
  );
  await database.pool.query(
    `insert into topics.cursors (topic_id, group_name, partition, next_offset)
     select topic_id, 'testCounting', 0, 2 from topics.topics where name = 'test.counts.v1'`,
  );
  return { kept, lost, greet };
}

test('where log and consumers agree there is nothing to mend', async () => {
  await topics.ensure(eventsTopic, { partitions: 1 });
  await record({ type: 'Placed', stream: 'one', data: { order: 'one', dueAt: farOff } });
  expect(await recover()).toBeNull();
  expect(await rows(`select from runtime.checkpoints where consumer = 'things'`)).toHaveLength(1);
});

describe('a log that lost its end', () => {
  test('takes lost events out of everything that had taken them in', async () => {
    const { kept, lost, greet } = await loss();
    await loseAfter(kept);
    expect(await recover()).toEqual({
      mismatch: 'shorter',
      agreed: kept.position,
      lost: lost.length,
      instances: 2,
    });
    const left = await rows<{ id: string }>(
      `select headers->>'ce_id' as id from topics.messages join topics.topics using (topic_id) where name = '${eventsTopic}'`,
    );
    expect(left).toEqual([{ id: kept.id }]);
    expect(await rows('select position from topics.relays')).toEqual([{ position: kept.position }]);
    expect(await rows('select consumer, position from runtime.checkpoints')).toEqual([
      { consumer: 'process testOrders', position: kept.position },
    ]);
    // The first order is as it was placed, and the second never was.
    expect(await rows('select instance_id, state from runtime.process_instances')).toEqual([
      { instance_id: 'one', state: { dueAt: farOff, paid: 0, reminders: 0 } },
    ]);
    expect(await rows('select instance_id from runtime.timers')).toEqual([{ instance_id: 'one' }]);
    // Only the command whose event is lost is sent again, under its id.
    expect(await rows('select id, status from runtime.effects')).toEqual([{ id: greet, status: 'pending' }]);
    // What became of the message is lost: it is handed in again. What a lost event led to is gone.
    expect(await rows('select input_id from runtime.process_inputs')).toEqual([{ input_id: 'other' }]);
    expect(await rows(`select next_offset from topics.cursors`)).toEqual([{ next_offset: 0 }]);
    const counts = `select from topics.messages join topics.topics using (topic_id) where name = 'test.counts.v1'`;
    expect(await rows(counts)).toHaveLength(1);
    expect(await recover()).toBeNull();
    await (await watchLog({ eventStore: store, database, log: silentLog })).close();
  });

  test('is found where it has grown since, by what the topic holds', async () => {
    const { kept, lost } = await loss();
    await (await watchLog({ eventStore: store, database, log: silentLog })).close();
    await loseAfter(kept);
    for (let n = 0; n < 6; n += 1)
      await store.append('order-four', 'any', [eventOf({ type: 'Other', stream: '', data: {} })]);
    expect(await recover()).toMatchObject({
      mismatch: 'rewritten',
      agreed: kept.position,
      lost: lost.length,
    });
    expect(await rows('select position from topics.relays')).toEqual([{ position: kept.position }]);
  });

  test('a death leaves everything as it was', async () => {
    const { kept } = await loss();
    await loseAfter(kept);
    const before = await rows('select * from runtime.process_instances order by instance_id');
    const disarm = onFailpoint('recover.writing', {
      does: () => {
        throw new Error('killed');
      },
    });
    await expect(recover()).rejects.toThrow('killed');
    disarm();
    expect(await rows('select * from runtime.process_instances order by instance_id')).toEqual(before);
    expect(await recover()).toMatchObject({ agreed: kept.position });
  });
});

describe('is refused', () => {
  test('for another log', async () => {
    await loss();
    await (await watchLog({ eventStore: store, database, log: silentLog })).close();
    await database.pool.query('update log.epochs set log_id = gen_random_uuid()');
    await expect(recover()).rejects.toMatchObject({ code: 'log-mismatch', fields: { mismatch: 'otherLog' } });
  });

  test('where a Daybook is connected', async () => {
    const running = openDatabase({ url: house.url, applicationName: 'sagas', log: silentLog });
    await running.pool.query('select 1');
    await expect(recover()).rejects.toMatchObject({ code: 'maintenance-refused' });
    await running.close();
  });
});
