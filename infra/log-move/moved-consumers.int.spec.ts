import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { startStandIn } from '@daybook/test/fakes/event-store-db/server.ts';
import { collect } from '@daybook/test/contracts/event-store.subject.ts';
import { partitionOf } from '../topics/partitioner.ts';
import { eventsOf, movingHouse, put, type MovingHouse, type Written } from './log-move.fixture.ts';
import type { LogPlace } from './movable-log.ts';

let house: MovingHouse;
beforeEach(async () => {
  house = await movingHouse();
});
afterEach(() => house.drop());

const partitions = 8;
const dayMs = 24 * 60 * 60 * 1000;
const process = 'process testing';

const ago = (days: number): string => new Date(Date.now() - days * dayMs).toISOString();

/** Thirty events of three tenants in turn, one a day up to now, on the topic. */
async function publishedLog(): Promise<readonly RecordedEvent[]> {
  const written = Array.from({ length: 30 }, (_, n): Written => ({
    stream: `product-${String(n % 3)}`,
    tenantId: `tenant-${String(n % 3)}`,
    recordedAt: ago(29.5 - n),
  }));
  await house.fill(house.inDatabase, eventsOf(written));
  await house.publish(house.inDatabase);
  return all(house.inDatabase);
}

async function all(place: Parameters<MovingHouse['open']>[0]): Promise<readonly RecordedEvent[]> {
  const { store }: { store: EventStore } = await house.open(place);
  return collect(store.readAll());
}

const partitionOfTenant = (n: number): number => partitionOf(`tenant-${String(n)}`, partitions);

/** A process that has taken in everything up to a position, in every partition. */
async function takenIn(position: Position): Promise<void> {
  const { pool } = house.database;
  await pool.query(
    `insert into runtime.checkpoints (consumer, version, partition, position)
     select '${process}', 1, n, coalesce((
       select max(m.headers->>'ce_position') from topics.messages m
       where m.partition = n and (m.headers->>'ce_position') collate "C" <= $1), '00000000000000000000')
     from generate_series(0, ${String(partitions - 1)}) n`,
    [position],
  );
  await pool.query(
    `insert into topics.groups (topic_id, group_name) select topic_id, 'testing' from topics.topics where name = $1`,
    [eventsTopic],
  );
  await pool.query(
    `insert into topics.cursors (topic_id, group_name, partition, next_offset)
     select t.topic_id, 'testing', p.partition, (
       select count(*) from topics.messages m
       where m.partition = p.partition and (m.headers->>'ce_position') collate "C" <= $2)
     from topics.topics t join topics.partitions p using (topic_id) where t.name = $1`,
    [eventsTopic, position],
  );
}

type Place = Readonly<{ partition: number; position: string }>;

async function places(): Promise<ReadonlyMap<number, string>> {
  const rows = await house.rows<Place>(
    `select partition, position from runtime.checkpoints where consumer = '${process}'`,
  );
  return new Map(rows.map(({ partition, position }) => [partition, position]));
}

/** Ids of the events on the topic, in the order of their positions. */
async function onTopic(): Promise<readonly string[]> {
  const rows = await house.rows<{ id: string }>(
    `select headers->>'ce_id' as id from topics.messages order by headers->>'ce_position'`,
  );
  return rows.map(({ id }) => id);
}

const idsOf = (events: readonly RecordedEvent[]): readonly string[] => events.map(({ id }) => id);

test('what has taken in everything stands at the end, and the topic holds what it keeps', async () => {
  const before = await publishedLog();
  await takenIn(before.at(-1)?.position as Position);
  await house.database.pool.query(`
    insert into runtime.checkpoints (consumer, version, partition, position) values ('products', 1, 0, '00000000000000000030');
    insert into runtime.snapshots (stream, fingerprint, tenant_id, revision, position, event_id, state)
      values ('product-1', 'x', 'tenant-1', 0, '00000000000000000002', gen_random_uuid(), '{}');
    insert into runtime.idempotent_requests (id, fingerprint) values ('x', 'y');
    update topics.relays set blocked_position = '00000000000000000099', blocked_reason = 'x'`);
  await house.move(house.inDatabase, house.onServer);
  const after = await all(house.onServer);
  const head = after.at(-1)?.position ?? '';
  expect([...(await places()).values()]).toEqual(Array.from({ length: partitions }, () => head));
  expect(await onTopic()).toEqual(idsOf(after.slice(-7)));
  expect(await house.rows('select position, blocked_position from topics.relays')).toEqual([
    { position: head, blocked_position: null },
  ]);
  const left = `
    select from runtime.snapshots union all select from runtime.idempotent_requests
    union all select from runtime.checkpoints where consumer = 'products'`;
  expect(await house.rows(left)).toEqual([]);
});

test('what is not taken in yet comes by the topic, and nothing before it in its partition again', async () => {
  const before = await publishedLog();
  await takenIn(before[9]?.position as Position);
  await house.move(house.inDatabase, house.onServer);
  const after = await all(house.onServer);
  expect(await onTopic()).toEqual(idsOf(after.slice(10)));
  const now = await places();
  for (const tenant of [0, 1, 2]) {
    const lastIn = before
      .slice(0, 10)
      .findLast(({ metadata }) => partitionOf(metadata.tenantId, partitions) === partitionOfTenant(tenant));
    const same = after.find(({ id }) => id === lastIn?.id);
    expect(now.get(partitionOfTenant(tenant))).toBe(same?.position);
  }
  const cursors = await house.rows<{ left: number }>(
    `select p.end_offset - c.next_offset as left from topics.cursors c join topics.partitions p using (topic_id, partition)`,
  );
  expect(cursors.reduce((sum, { left }) => sum + left, 0)).toBe(20);
});

test('a tenant that is held back is handed everything behind that again, whatever was parked', async () => {
  const before = await publishedLog();
  await takenIn(before.at(-1)?.position as Position);
  const partition = partitionOfTenant(1);
  await house.database.pool.query(
    `insert into runtime.holds (consumer, version, tenant_id, partition, position, reason)
     values ('${process}', 1, 'tenant-1', $1, $2, 'no good')`,
    [partition, before[4]?.position],
  );
  await house.database.pool.query(
    `insert into topics.dead_letters (topic_id, group_name, partition, "offset", published_at, key, headers, value, attempt, reason, parked)
     select topic_id, 'testing', partition, "offset", published_at, key, headers, value, 1, 'no good', true
     from topics.messages where headers->>'ce_position' = $1`,
    [before[7]?.position],
  );
  const { moved } = await house.move(house.inDatabase, house.onServer);
  expect(moved?.handedInAgain).toBe(1);
  const after = await all(house.onServer);
  expect(await house.rows('select tenant_id, position from runtime.holds')).toEqual([
    { tenant_id: 'tenant-1', position: after[4]?.position },
  ]);
  expect(await house.rows('select from topics.dead_letters')).toEqual([]);
  expect(await onTopic()).toEqual(idsOf(after.slice(5)));
});

test('one that stood still for longer than the topic keeps messages stays where it was', async () => {
  const before = await publishedLog();
  await takenIn(before[9]?.position as Position);
  await house.database.pool.query(`
    update runtime.checkpoints set moved_at = now() - interval '20 days';
    delete from topics.messages where headers->>'ce_position' <= '00000000000000000020'`);
  await house.move(house.inDatabase, house.onServer);
  const after = await all(house.onServer);
  const [now, firstTen] = [await places(), after.slice(0, 10).map(({ position }) => String(position))];
  for (const tenant of [0, 1, 2]) expect(firstTen).toContain(now.get(partitionOfTenant(tenant)));
  expect(
    await house.rows(`select from runtime.checkpoints where moved_at > now() - interval '19 days'`),
  ).toEqual([]);
});

test('an event that the relay was told to pass over is passed over under its new position', async () => {
  const other = await startStandIn();
  try {
    await house.fill(house.onServer, eventsOf([{ stream: 'thing-1', type: 'NobodyKnows', data: {} }]));
    const [unknown] = await all(house.onServer);
    const parkedId = `relay-${String(unknown?.position)}`;
    const data = { parkedId, kind: 'relay', consumer: 'relay events', cause: 'schema-unknown', attempts: 1 };
    const skipped = {
      ...data,
      about: null,
      eventId: null,
      stream: null,
      revision: null,
      failedAt: '',
      reason: 'x',
    };
    const decided = { stream: `parked-${parkedId}`, type: 'ParkedSkipped', data: skipped } as const;
    await put(await house.open(house.onServer), eventsOf([decided, { stream: 'product-1' }]));
    await house.publish(house.onServer);
    expect(await onTopic()).toHaveLength(2);
    const there: LogPlace = { kind: 'eventStoreDb', url: other.url };
    expect(await house.move(house.onServer, there)).toMatchObject({ isBlocked: false });
    const after = await all(there);
    expect(after[0]?.position).not.toBe(unknown?.position);
    expect(await onTopic()).toEqual(idsOf(after.slice(1)));
  } finally {
    await other.stop();
  }
});

test('before an event that cannot be published the topic ends, and it is said', async () => {
  const other = await startStandIn();
  try {
    await house.fill(
      house.onServer,
      eventsOf([{ stream: 'product-1' }, { stream: 'thing-1', type: 'NobodyKnows', data: {} }]),
    );
    const there: LogPlace = { kind: 'eventStoreDb', url: other.url };
    expect(await house.move(house.onServer, there)).toMatchObject({ events: 1, isBlocked: true });
    expect(await house.move(house.onServer, there)).toEqual({ moved: null, events: 0, isBlocked: true });
  } finally {
    await other.stop();
  }
});
