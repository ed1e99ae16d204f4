import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { collect } from '@daybook/test/contracts/event-store.subject.ts';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import type { Engine } from '@daybook/test/engines/engine.ts';
import { startKafka, type KafkaUser } from '@daybook/test/engines/kafka.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import type { FailpointName } from '../failpoints/names.ts';
import { kafkaClient } from '../topics/kafka-client.ts';
import { kafkaSettings } from '../topics/open-topics.ts';
import { formerMessages } from '../topics/former-messages.ts';
import { moveTopics } from '../topics/move-topics.ts';
import { partitionOf } from '../topics/partitioner.ts';
import {
  applicationName,
  eventsOf,
  movingHouse,
  type MovingHouse,
  type Written,
} from './log-move.fixture.ts';
import type { LogPlace } from './movable-log.ts';
import { openMovableTopic } from './movable-topic.ts';

const partitions = 8;
const process = 'process testing';

const operator = { username: 'operator', password: 'operators-password' };
const mover = { username: 'mover', password: 'movers-password' };
const service = { username: 'service', password: 'services-password' };

type Message = Readonly<{ partition: number; offset: number; id: string; position: string }>;

// The name of the topic is fixed: nobody else may use it meanwhile.
describeWithEngines('a log that is moved under topics on Kafka', ['kafka'], () => {
  let kafka: Engine;
  let house: MovingHouse;
  const armed: (() => void)[] = [];
  beforeAll(async () => {
    kafka = await startKafka({ user: operator, guests: [mover, service] });
    await letIn(service, 'TOPIC', 'daybook.', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'READ', 'WRITE');
    // What docs/how-to/move-the-log.md says, and no more.
    await letIn(mover, 'TOPIC', 'daybook.', 'CREATE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS');
    await letIn(mover, 'TOPIC', eventsTopic, 'READ', 'WRITE', 'DELETE');
    await letIn(mover, 'GROUP', 'daybook-migrate-log.', 'READ');
  }, 240_000);
  afterAll(() => kafka.stop());
  beforeEach(async () => {
    house = await movingHouse({
      KAFKA_BROKERS: kafka.url,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_USERNAME: mover.username,
      KAFKA_PASSWORD: mover.password,
    });
  });
  afterEach(async () => {
    for (const disarm of armed.splice(0)) disarm();
    const { upkeep } = house.topic;
    const ends = new Map((await upkeep.spans(eventsTopic))?.map(({ partition, high }) => [partition, high]));
    await upkeep.removeBefore(eventsTopic, ends);
    await house.drop();
  });

  async function all(place: LogPlace): Promise<readonly RecordedEvent[]> {
    return collect((await house.open(place)).store.readAll());
  }

  async function onTopic(): Promise<readonly Message[]> {
    const found: Message[] = [];
    for (const { partition, low, high } of (await house.topic.upkeep.spans(eventsTopic)) ?? []) {
      for (let next = low; next < high;) {
        const messages = await house.topic.upkeep.read(eventsTopic, partition, next, 1_000);
        for (const { offset, headers } of messages) {
          const { ce_id: id = '', ce_position: position = '' } = headers;
          found.push({ partition, offset, id, position });
        }
        next = (messages.at(-1)?.offset ?? high) + 1;
      }
    }
    return found;
  }

  /** Events on the topic in the order of the log, each once, as `id at position`. */
  async function published(): Promise<readonly string[]> {
    const messages = (await onTopic()).toSorted((a, b) => (a.position < b.position ? -1 : 1));
    return [...new Set(messages.map(({ id, position }) => `${id} at ${position}`))];
  }

  const named = (events: readonly RecordedEvent[]): readonly string[] =>
    events.map(({ id, position }) => `${id} at ${position}`);

  /** Events of three tenants in turn, on the topic. Default: thirty, of now. */
  async function publishedLog(count = 30, daysAgo = 0): Promise<readonly RecordedEvent[]> {
    const recordedAt = new Date(Date.now() - daysAgo * 24 * 60 * 60 * 1000).toISOString();
    const written = Array.from({ length: count }, (_, n): Written => ({
      stream: `product-${String(n % 3)}`,
      tenantId: `tenant-${String(n % 3)}`,
      recordedAt,
    }));
    await house.fill(house.inDatabase, eventsOf(written));
    await house.publish(house.inDatabase);
    return all(house.inDatabase);
  }

  /** A process that has taken in everything up to a position, in every partition. */
  async function takenIn(position: Position): Promise<void> {
    const { pool } = house.database;
    const spans = (await house.topic.upkeep.spans(eventsTopic)) ?? [];
    const messages = (await onTopic()).filter((message) => message.position <= position);
    await pool.query(
      `insert into topics.groups (topic_id, group_name) select topic_id, 'testing' from topics.topics where name = $1`,
      [eventsTopic],
    );
    for (const { partition, low } of spans) {
      const own = messages.filter((message) => message.partition === partition);
      await pool.query(
        `insert into runtime.checkpoints (consumer, version, partition, position) values ('${process}', 1, $1, $2)`,
        [partition, own.at(-1)?.position ?? '00000000000000000000'],
      );
      await pool.query(
        `insert into topics.cursors (topic_id, group_name, partition, next_offset)
         select topic_id, 'testing', $2, $3 from topics.topics where name = $1`,
        [eventsTopic, partition, low + own.length],
      );
    }
  }

  const partitionOfTenant = (n: number): number => partitionOf(`tenant-${String(n)}`, partitions);

  async function places(): Promise<ReadonlyMap<number, string>> {
    const rows = await house.rows<{ partition: number; position: string }>(
      `select partition, position from runtime.checkpoints where consumer = '${process}'`,
    );
    return new Map(rows.map(({ partition, position }) => [partition, position]));
  }

  /** How many messages the process has before it. */
  async function waiting(): Promise<number> {
    const spans = new Map(
      (await house.topic.upkeep.spans(eventsTopic))?.map(({ partition, high }) => [partition, high]),
    );
    const rows = await house.rows<{ partition: number; next: number }>(
      `select partition, next_offset as next from topics.cursors where group_name = 'testing'`,
    );
    return rows.reduce((sum, { partition, next }) => sum + (spans.get(partition) ?? 0) - next, 0);
  }

  function at(name: FailpointName, does: () => void | Promise<void>, nth?: number): void {
    armed.push(onFailpoint(name, { ...(nth === undefined ? {} : { nth }), does }));
  }

  async function dies(name: FailpointName, nth: number, work: () => Promise<unknown>): Promise<void> {
    at(
      name,
      () => {
        throw new Error('killed');
      },
      nth,
    );
    await expect(work()).rejects.toThrow('killed');
    armed.pop()?.();
  }

  const settingsOf = (user: KafkaUser): Parameters<typeof openMovableTopic>[0]['settings'] => ({
    ...{ brokers: [kafka.url], driver: 'kafkajs', tls: false, mechanism: 'plain' },
    ...user,
  });

  /** What a start does to the topics before anybody reads or publishes. */
  async function start(user = mover): Promise<void> {
    const { database } = house;
    const topic = await openMovableTopic({
      settings: settingsOf(user),
      database,
      name: 'a start',
      log: silentLog,
    });
    try {
      await topic.ensure();
    } finally {
      await topic.close();
    }
  }

  async function letIn(
    { username }: KafkaUser,
    kind: 'TOPIC' | 'GROUP',
    pattern: string,
    ...operations: readonly (keyof typeof kafkajs.AclOperationTypes)[]
  ): Promise<void> {
    const sasl = { mechanism: 'plain' as const, ...operator };
    const admin = kafkaClient({ brokers: [kafka.url], sasl }, 'operator', silentLog).admin();
    await admin.connect();
    await admin.createAcls({
      acl: operations.map((operation) => ({
        principal: `User:${username}`,
        resourceName: pattern,
        host: '*',
        resourceType: kafkajs.AclResourceTypes[kind],
        resourcePatternType: kafkajs.ResourcePatternTypes[pattern.endsWith('.') ? 'PREFIXED' : 'LITERAL'],
        operation: kafkajs.AclOperationTypes[operation],
        permissionType: kafkajs.AclPermissionTypes.ALLOW,
      })),
    });
    await admin.disconnect();
  }

  const deaths: readonly (readonly [FailpointName, number])[] = [
    ['logMove.copied', 1],
    ['logMove.switching', 1],
    ['logMove.switched', 1],
    ['logMove.emptied', 1],
    // Half-way through the filling: the second page is on the topic, and the relay's place before it.
    ['relay.published', 2],
  ];
  describe.each(deaths)('a death at %s', (name, nth) => {
    test.each(['a repeat', 'a start, and a repeat'])(
      'is made up for by %s',
      async (by) => {
        const { inDatabase, onServer } = house;
        const before = await publishedLog(700);
        await takenIn(before.at(-1)?.position as Position);
        await dies(name, nth, () => house.move(inDatabase, onServer));
        const isSwitched = !['logMove.copied', 'logMove.switching'].includes(name);
        if (by !== 'a repeat') {
          await start();
          expect(await formerMessages(house.database)).toEqual(new Map());
          const now = await published();
          if (isSwitched) expect(named(await all(onServer))).toEqual(expect.arrayContaining([...now]));
          else expect(now).toEqual(named(before));
        }
        const { moved } = await house.move(inDatabase, onServer);
        expect(moved === null).toBe(isSwitched);
        const after = await all(onServer);
        expect(await published()).toEqual(named(after));
        expect(await formerMessages(house.database)).toEqual(new Map());
        const head = after.at(-1)?.position;
        expect([...(await places()).values()]).toEqual(Array.from({ length: partitions }, () => head));
        expect(await house.rows('select position from topics.relays')).toEqual([{ position: head }]);
        expect(await house.move(inDatabase, onServer)).toEqual({ moved: null, events: 0, isBlocked: false });
        expect(await waiting()).toBe((await onTopic()).length);
      },
      60_000,
    );
  });

  test('what is not taken in yet comes by the topic, and what is behind a hold, whatever was parked', async () => {
    // Older than the topic keeps messages: what is needed alone decides where it begins.
    const before = await publishedLog(30, 30);
    await takenIn(before[19]?.position as Position);
    await house.database.pool.query(
      `insert into runtime.holds (consumer, version, tenant_id, partition, position, reason)
       values ('${process}', 1, 'tenant-1', $1, $2, 'no good')`,
      [partitionOfTenant(1), before[10]?.position],
    );
    await house.database.pool.query(
      `insert into topics.dead_letters (topic_id, group_name, partition, "offset", published_at, key, headers, value, attempt, reason, parked)
       select topic_id, 'testing', $2, 3, now(), 'tenant-1', '{}', '', 1, 'no good', true
       from topics.topics where name = $1`,
      [eventsTopic, partitionOfTenant(1)],
    );
    const { moved } = await house.move(house.inDatabase, house.onServer);
    expect(moved?.handedInAgain).toBe(1);
    const after = await all(house.onServer);
    expect(await published()).toEqual(named(after.slice(11)));
    expect(await house.rows('select position from runtime.holds')).toEqual([
      { position: after[10]?.position },
    ]);
    expect(await house.rows('select from topics.dead_letters')).toEqual([]);
    const now = await places();
    for (const tenant of [0, 1, 2]) {
      const own = ({ metadata }: RecordedEvent): boolean =>
        partitionOf(metadata.tenantId, partitions) === partitionOfTenant(tenant);
      expect(now.get(partitionOfTenant(tenant))).toBe(after.slice(0, 20).findLast(own)?.position);
    }
    expect(await waiting()).toBe(19);
  }, 60_000);

  test('back again the topic holds positions of the former log no more', async () => {
    const { inDatabase, onServer } = house;
    const before = await publishedLog();
    await takenIn(before.at(-1)?.position as Position);
    await house.move(inDatabase, onServer);
    await dies('logMove.switched', 1, () => house.move(onServer, inDatabase));
    // There once more, from a move that was not brought to its end.
    await house.move(inDatabase, onServer);
    expect(await published()).toEqual(named(await all(onServer)));
    await house.move(onServer, inDatabase);
    expect(await published()).toEqual(named(before));
    expect([...(await places()).values()]).toEqual(
      Array.from({ length: partitions }, () => before.at(-1)?.position),
    );
  }, 60_000);

  test('whoever starts while everything is set to the other log finds the topic empty', async () => {
    await publishedLog();
    let starting: Promise<unknown> = Promise.resolve();
    at('logMove.switching', async () => {
      starting = start();
      await eventually(async () => {
        expect(await house.rows('select from pg_locks where not granted')).toHaveLength(1);
      });
    });
    at('logMove.switched', async () => {
      await starting;
      expect(await onTopic()).toEqual([]);
    });
    await house.move(house.inDatabase, house.onServer);
    expect(await published()).toEqual(named(await all(house.onServer)));
  }, 60_000);

  test('what a relay that died may have under way is waited for', async () => {
    await publishedLog();
    await house.database.pool.query(
      `update topics.relays set owner = gen_random_uuid(), expires_at = clock_timestamp() + interval '2 seconds'`,
    );
    let over: unknown;
    at('logMove.copied', async () => {
      over = await house.rows('select expires_at <= clock_timestamp() as over from topics.relays');
    });
    await house.move(house.inDatabase, house.onServer);
    expect(over).toEqual([{ over: true }]);
  }, 60_000);

  test('a start that may not remove what a move left is refused, and says what to do', async () => {
    await publishedLog();
    await dies('logMove.switched', 1, () => house.move(house.inDatabase, house.onServer));
    const left = await onTopic();
    await expect(start(service)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        /still on the topic daybook\.events\.v1.* Give "daybook migrate-log" again/,
      ),
    });
    expect(await onTopic()).toEqual(left);
    expect(await house.move(house.inDatabase, house.onServer)).toMatchObject({ moved: null, events: 30 });
    await start(service);
  }, 60_000);

  test('topics that leave the cluster leave nothing of the former log there', async () => {
    const { database, inDatabase, onServer } = house;
    await publishedLog();
    await dies('logMove.switched', 1, () => house.move(inDatabase, onServer));
    const topics = [{ name: eventsTopic, partitions }];
    const settings = kafkaSettings(settingsOf(operator));
    const move = { database, applicationName, kafka: settings, topics, log: silentLog };
    expect((await moveTopics({ ...move, to: 'postgresql' })).moved).toBe(true);
    expect([await onTopic(), await formerMessages(database)]).toEqual([[], new Map()]);
  }, 60_000);

  test('is refused, with nothing changed, where a process lacks what the topic lost', async () => {
    const before = await publishedLog();
    await takenIn(before[9]?.position as Position);
    const { upkeep } = house.topic;
    const { partition, offset } = (await onTopic()).at(-1) ?? { partition: 0, offset: 0 };
    await upkeep.removeBefore(eventsTopic, new Map([[partition, offset]]));
    const [left, stood] = [await onTopic(), await places()];
    await expect(house.move(house.inDatabase, house.onServer)).rejects.toMatchObject({ code: 'topic-lost' });
    expect([await onTopic(), await places(), await all(house.onServer)]).toEqual([left, stood, []]);
  }, 60_000);
});
