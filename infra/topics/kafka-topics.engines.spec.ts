import { inspect } from 'node:util';
import type { Admin } from 'kafkajs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import {
  done,
  type InMessage,
  type OutMessage,
  type Topics,
  type Verdict,
} from '@daybook/kernel/ports/topics.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Engine } from '@daybook/test/engines/engine.ts';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import { startKafka } from '@daybook/test/engines/kafka.ts';
import { kafkaDrivers, type KafkaDriver } from '@daybook/test/engines/rdkafka.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { kafkaClient, topicResource } from './kafka-client.ts';
import { deadLetterTopic, kafkaTopics } from './kafka-topics.ts';

jest.setTimeout(120_000);

const user = { username: 'daybook', password: 'pa55word' };
const sasl = { mechanism: 'plain' as const, ...user };
const patient = { withinMs: 60_000 };

const message = (key: string, text: string): OutMessage => ({
  key,
  value: Buffer.from(text),
  headers: { ce_id: text },
});
const text = ({ value }: OutMessage): string => Buffer.from(value).toString();

const suite = (driver: KafkaDriver) => (): void => {
  let broker: Engine;
  let database: Database;
  let drop: () => Promise<void>;
  let topics: Topics;
  let topic = '';
  let count = 0;

  const said: string[] = [];
  const overheard: Log = {
    ...silentLog,
    error: (text) => {
      said.push(text);
    },
    with: () => overheard,
  };

  const connectedAdmin = async (): Promise<Admin> => {
    const admin = kafkaClient({ brokers: [broker.url], sasl }, 'spec', silentLog).admin();
    await admin.connect();
    return admin;
  };

  const removeBefore = async (name: string, offset: number): Promise<void> => {
    const admin = await connectedAdmin();
    // The client deletes of topics that it has heard of alone.
    await admin.fetchTopicOffsets(name);
    await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: String(offset) }] });
    await admin.disconnect();
  };

  const open = (password = user.password): Topics =>
    kafkaTopics({
      settings: { brokers: [broker.url], driver, sasl: { ...sasl, password } },
      name: 'spec',
      database,
      log: overheard,
      wakeups: memoryWakeups(),
      pace: {
        leaseMs: 2_000,
        heartbeatMs: 200,
        activePollMs: 5,
        idlePollMs: 50,
        backOff: { firstMs: 10, mostMs: 200 },
      },
    });

  /** Runs a member and answers with what it saw, and how to stop it. */
  const consume = (
    verdict: (messages: readonly InMessage[]) => Verdict = () => done,
    group = 'readers',
  ): { seen: InMessage[]; stop: () => Promise<void> } => {
    const seen: InMessage[] = [];
    const stopping = new AbortController();
    const running = topics.run(
      topic,
      group,
      ({ messages }) => {
        seen.push(...messages);
        return Promise.resolve(verdict(messages));
      },
      { signal: stopping.signal },
    );
    return {
      seen,
      stop: () => {
        stopping.abort();
        return running;
      },
    };
  };

  beforeAll(async () => {
    broker = await startKafka({ user });
    ({ database, drop } = await freshDatabase());
  }, 240_000);
  afterAll(async () => {
    await drop();
    await broker.stop();
  });
  beforeEach(() => {
    topics = open();
    said.length = 0;
    topic = `daybook.things-${String((count += 1))}.v1`;
  });
  afterEach(() => topics.close());

  test('a broker that is killed while publishers and consumers are at work costs no message and no order', async () => {
    await topics.ensure(topic, { partitions: 3 });
    const { seen, stop } = consume();
    const acknowledged: string[] = [];
    const publish = async (key: string): Promise<void> => {
      for (let n = 0; n < 40; n += 1) {
        const next = `${key}-${String(n)}`;
        // As the relay does: what was not acknowledged is published again, and the order is kept.
        await eventually(() => topics.publish(topic, [message(key, next)]), patient);
        acknowledged.push(next);
      }
    };
    const publishing = Promise.all(['a', 'b', 'c', 'd'].map(publish));
    await eventually(() => {
      expect(acknowledged.length).toBeGreaterThan(20);
    }, patient);
    await broker.kill();
    await broker.restart();
    await publishing;
    await eventually(() => {
      expect(new Set(seen.map(text)).size).toBe(160);
    }, patient);
    await stop();
    for (const key of ['a', 'b', 'c', 'd']) {
      const own = seen.filter((one) => one.key === key).map(text);
      expect([...new Set(own)]).toEqual(Array.from({ length: 40 }, (_, n) => `${key}-${String(n)}`));
    }
  });

  test('while it is away publishing is a passing error within its time, and a member leaves at once', async () => {
    await topics.ensure(topic, { partitions: 1 });
    await topics.publish(topic, [message('a', '1')]);
    const { seen, stop } = consume();
    await eventually(() => {
      expect(seen).toHaveLength(1);
    });
    await broker.kill();
    await expect(topics.publish(topic, [message('a', '2')])).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'later',
    });
    const began = performance.now();
    await stop();
    expect(performance.now() - began).toBeLessThan(8_000);
    await broker.restart();
    await eventually(() => topics.publish(topic, [message('a', '2')]), patient);
  });

  test('a topic is made with its partitions and retention; another number is refused, another retention set', async () => {
    await topics.ensure(topic, { partitions: 3, retentionMs: 3_600_000 });
    const admin = kafkaClient({ brokers: [broker.url], sasl }, 'spec', silentLog).admin();
    await admin.connect();
    const retention = async (): Promise<string | undefined> => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: topicResource, name: topic, configNames: ['retention.ms'] }],
      });
      return resources[0]?.configEntries[0]?.configValue;
    };
    expect(await retention()).toBe('3600000');
    await topics.ensure(topic, { partitions: 3 });
    await eventually(async () => {
      expect(await retention()).toBe('-1');
    });
    await expect(open().ensure(topic, { partitions: 4 })).rejects.toMatchObject({
      code: 'partition-mismatch',
    });
    // Somebody adds partitions by Kafka's own tools: the keys would go elsewhere.
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
    // New partitions have no leader at first, and nobody says where they end.
    await eventually(() =>
      expect(topics.ensure(topic, { partitions: 3 })).rejects.toMatchObject({
        code: 'partition-mismatch',
        fields: { expected: 3, actual: 5 },
      }),
    );
    await admin.disconnect();
  });

  test('a group stands still before what was removed under it; one that is new begins at what is there', async () => {
    await topics.ensure(topic, { partitions: 1 });
    const first = consume();
    await topics.publish(topic, [message('a', '0')]);
    await eventually(() => {
      expect(first.seen).toHaveLength(1);
    }, patient);
    await first.stop();
    await topics.publish(
      topic,
      Array.from({ length: 9 }, (_, n) => message('a', String(n + 1))),
    );
    await removeBefore(topic, 6);
    const { seen, stop } = consume();
    const fresh = consume(() => done, 'others');
    await eventually(() => {
      expect(fresh.seen.map(text)).toEqual(['6', '7', '8', '9']);
      expect(said).toContain('A consumer stands still before messages that are lost.');
    }, patient);
    expect(seen).toEqual([]);
    await stop();
    await fresh.stop();
    expect(await topics.lag(topic, 'others')).toEqual([{ partition: 0, next: 10, end: 10 }]);
  });

  test('a group that was away for longer than messages are kept goes on with what is there', async () => {
    await topics.ensure(topic, { partitions: 1, retentionMs: 3_600_000 });
    await topics.publish(topic, [message('a', '0')]);
    const first = consume();
    await eventually(() => {
      expect(first.seen).toHaveLength(1);
    }, patient);
    await first.stop();
    await topics.publish(topic, [message('a', '1'), message('a', '2')]);
    await removeBefore(topic, 2);
    await database.pool.query(`update topics.groups set seen_at = seen_at - interval '1 hour'`);
    const { seen, stop } = consume();
    await eventually(() => {
      expect(seen.map(text)).toEqual(['2']);
    }, patient);
    await stop();
  });

  test('a topic that is deleted, or made anew by somebody, is told of: nothing is published to it nor taken from it', async () => {
    await topics.ensure(topic, { partitions: 1 });
    const { seen, stop } = consume();
    await topics.publish(topic, [message('a', '1'), message('a', '2')]);
    await eventually(() => {
      expect(seen).toHaveLength(2);
    }, patient);
    const admin = await connectedAdmin();
    await admin.deleteTopics({ topics: [topic] });
    // The controller answers before the broker knows of it, which takes messages until then.
    await eventually(async () => {
      expect(await admin.listTopics()).not.toContain(topic);
    }, patient);
    const lost = { code: 'topic-lost', message: expect.stringContaining('"daybook republish"') as unknown };
    await expect(topics.publish(topic, [message('a', '3')])).rejects.toMatchObject(lost);
    await expect(open().ensure(topic, { partitions: 1 })).rejects.toMatchObject(lost);
    await expect(topics.lag(topic, 'readers')).rejects.toMatchObject(lost);
    await eventually(
      () => admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1 }] }),
      patient,
    );
    await admin.disconnect();
    await eventually(
      () => expect(topics.publish(topic, [message('a', '3')])).rejects.toMatchObject(lost),
      patient,
    );
    await expect(open().ensure(topic, { partitions: 1 })).rejects.toMatchObject(lost);
    await eventually(() => {
      expect(said).toContain('A consumer stands still before messages that are lost.');
    }, patient);
    expect(seen.map(text)).toEqual(['1', '2']);
    await stop();
  });

  test('messages of any size up to the topic’s own travel, in order; a larger one is refused for good', async () => {
    await topics.ensure(topic, { partitions: 1 });
    const sizes = [10, 700_000, 700_000, 3_000_000, 10, 5_000_000, 10];
    await topics.publish(
      topic,
      sizes.map((size) => ({ key: 'a', value: Buffer.alloc(size, 1), headers: {} })),
    );
    const { seen, stop } = consume();
    await eventually(() => {
      expect(seen.map(({ value }) => value.length)).toEqual(sizes);
    }, patient);
    await stop();
    const huge = { key: 'a', value: Buffer.alloc(17 * 1024 * 1024), headers: {} };
    await expect(topics.publish(topic, [huge])).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'never',
    });
    await topics.publish(topic, [message('a', 'after')]);
  });

  test('a message that is parked is copied to the topic of dead letters, with its group, reason and place', async () => {
    await topics.ensure(topic, { partitions: 2 });
    await topics.publish(topic, [message('a', 'bad'), message('a', 'behind')]);
    const { stop } = consume(([first]) =>
      first !== undefined && text(first) === 'bad' ? { do: 'park', index: 0, reason: 'It is bad.' } : done,
    );
    await eventually(async () => {
      expect(await topics.deadLetters(topic, 'readers')).toHaveLength(2);
    });
    await stop();
    const [parked] = await topics.deadLetters(topic, 'readers');
    topic = deadLetterTopic(topic);
    await topics.ensure(topic, { partitions: 2 });
    const copies = consume();
    await eventually(() => {
      expect(copies.seen).toHaveLength(1);
    });
    await copies.stop();
    expect(copies.seen[0]).toMatchObject({
      key: 'a',
      headers: {
        ce_id: 'bad',
        daybook_group: 'readers',
        daybook_reason: 'It is bad.',
        daybook_partition: String(parked?.message.partition),
        daybook_offset: '0',
      },
    });
  });

  test('the age of what waits is never told too low, and never more than twice as high', async () => {
    await topics.ensure(topic, { partitions: 1 });
    const sent = Date.now();
    await topics.publish(topic, [message('a', '1')]);
    const there = Date.now();
    const ages = await eventually(async () => {
      expect(Date.now() - there).toBeGreaterThan(1_500);
      const [lag] = await topics.lag(topic, 'readers');
      return { told: lag?.waitingMs ?? 0, most: Date.now() - sent };
    });
    expect(ages.told).toBeGreaterThanOrEqual(1_000);
    expect(ages.told).toBeLessThanOrEqual(2 * ages.most + 500);
    // Whatever the clock of the host says that asks.
    const real = Date.now.bind(Date);
    const wrong = jest.spyOn(Date, 'now').mockImplementation(() => real() + 3_600_000);
    const [lag] = await open().lag(topic, 'readers');
    wrong.mockRestore();
    expect(lag?.waitingMs).toBeLessThan(60_000);
  });

  test('wrong credentials are told as such, and without them, also beside a client that has the right ones', async () => {
    await topics.ensure(topic, { partitions: 1 });
    const other = kafkaClient({ brokers: [broker.url], sasl }, 'spec', silentLog).admin();
    await other.connect();
    await other.disconnect();
    const stranger = open('wr0ng-secret');
    const error = await stranger.ensure(topic, { partitions: 1 }).catch((thrown: unknown) => thrown);
    await stranger.close();
    expect(error).toMatchObject({ code: 'unavailable', message: 'Kafka refuses the credentials.' });
    expect(inspect(error, { depth: 10 })).not.toContain('wr0ng-secret');
    expect(sasl).toEqual({ mechanism: 'plain', ...user });
  });

  test('a client at rest sets no timer before its time', async () => {
    const warned = jest.fn();
    process.on('warning', warned);
    await topics.ensure(topic, { partitions: 1 });
    await topics.publish(topic, [message('a', '1')]);
    await new Promise((turn) => setImmediate(turn));
    process.off('warning', warned);
    expect(warned).not.toHaveBeenCalled();
  });
};

for (const { driver, lacks } of kafkaDrivers) {
  describeWithEngines(`topics on Kafka by ${driver}`, ['kafka'], suite(driver), lacks);
}
