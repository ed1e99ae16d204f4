/** What others do at the brokers: producers that are not ours, operators, topics that are gone. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Admin } from 'kafkajs';
import { done, type Topics } from '@daybook/kernel/ports/topics.ts';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { kafkaClient, topicResource } from './kafka-client.ts';
import { deadLetterTopic, kafkaTopics } from './kafka-topics.ts';
import { kafkaTopicUpkeep } from './kafka-upkeep.ts';

jest.setTimeout(120_000);

const patient = { withinMs: 60_000 };
const undecodable = 'bad';

describeWithEngines('topics on Kafka among strangers', ['kafka'], (brokers) => {
  const settings = { brokers: brokers.split(',') };
  const kafka = kafkaClient(settings, 'stranger', silentLog);
  let fresh: Awaited<ReturnType<typeof freshDatabase>>;
  let topics: Topics;
  let admin: Admin;
  let topic = '';

  /** Produces as somebody else does. */
  const produce = async (...records: readonly Readonly<{ key: Buffer; value: string }>[]): Promise<void> => {
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [...records] });
    await producer.disconnect();
  };

  /** A member that parks what is bad: what it takes in, and how it is stopped. */
  const consume = (): { seen: string[]; stop: () => Promise<void> } => {
    const seen: string[] = [];
    const stopping = new AbortController();
    const running = topics.run(
      topic,
      'readers',
      ({ messages }) => {
        const all = messages.map(({ value }) => Buffer.from(value).toString());
        const index = all.indexOf(undecodable);
        seen.push(...(index < 0 ? all : all.slice(0, index)));
        return Promise.resolve(index < 0 ? done : { do: 'park', index, reason: 'It is bad.' });
      },
      { signal: stopping.signal },
    );
    const stop = (): Promise<void> => {
      stopping.abort();
      return running;
    };
    return { seen, stop };
  };

  const takesIn = async (texts: readonly string[]): Promise<void> => {
    const { seen, stop } = consume();
    await eventually(() => {
      expect(seen).toEqual(texts);
    }, patient);
    await stop();
  };

  const configOf = async (name: string): Promise<ReadonlyMap<string, string>> => {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: topicResource, name }],
    });
    return new Map(
      resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
  };

  beforeEach(async () => {
    fresh = await freshDatabase();
    const { database } = fresh;
    const pace = { leaseMs: 2_000, heartbeatMs: 200, activePollMs: 5, idlePollMs: 50 };
    topics = kafkaTopics({
      ...{ settings, name: 'spec', database, log: silentLog, wakeups: memoryWakeups(), pace },
    });
    admin = kafka.admin();
    await admin.connect();
    topic = `strange.${randomUUID()}`;
  });
  afterEach(async () => {
    await topics.close();
    await admin.disconnect();
    await fresh.drop();
  });

  test('a message whose key is no text is parked as any other, and what follows flows', async () => {
    await topics.ensure(topic, { partitions: 1 });
    await produce(
      { key: Buffer.from([0, 0, 0, 7]), value: undecodable },
      { key: Buffer.from('a'), value: 'good' },
    );
    await takesIn(['good']);
    expect(await topics.deadLetters(topic, 'readers')).toMatchObject([{ parked: true }]);
  });

  test('without the topic of dead letters a message is parked without its copy', async () => {
    await topics.ensure(topic, { partitions: 1 });
    await admin.deleteTopics({ topics: [deadLetterTopic(topic)] });
    await produce({ key: Buffer.from('a'), value: undecodable }, { key: Buffer.from('b'), value: 'good' });
    await takesIn(['good']);
    expect(await topics.deadLetters(topic, 'readers')).toMatchObject([{ parked: true }]);
  });

  test('records that are no messages, of somebody’s transactions, are nothing that a group is behind with', async () => {
    await topics.ensure(topic, { partitions: 1 });
    const producer = kafka.producer({
      transactionalId: randomUUID(),
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    const write = async (value: string, end: 'commit' | 'abort'): Promise<void> => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ key: 'a', value }] });
      await transaction[end]();
    };
    const { seen, stop } = consume();
    const isUpTo = (end: number): Promise<void> =>
      eventually(async () => {
        expect(await topics.lag(topic, 'readers')).toEqual([{ partition: 0, next: end, end }]);
      }, patient);
    await write('first', 'commit');
    await isUpTo(2);
    await write('never', 'abort');
    await isUpTo(4);
    await topics.publish(topic, [{ key: 'a', value: Buffer.from('last'), headers: {} }]);
    await isUpTo(5);
    expect(seen).toEqual(['first', 'last']);
    await stop();
    await write('more', 'commit');
    await producer.disconnect();
    const upkeep = kafkaTopicUpkeep({ settings, name: 'spec', database: fresh.database, log: silentLog });
    expect((await upkeep.read(topic, 0, 0, 10)).map(({ offset }) => offset)).toContain(0);
    expect((await upkeep.read(topic, 0, 5, 10)).map(({ offset }) => offset)).toEqual([5]);
    const began = performance.now();
    expect(await upkeep.read(topic, 0, 6, 10)).toEqual([]);
    expect(performance.now() - began).toBeLessThan(20_000);
    await upkeep.close();
  });

  test('what an operator set of a topic stays where ours is set, but that messages go by their age alone', async () => {
    const configEntries = [
      { name: 'min.insync.replicas', value: '2' },
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'retention.bytes', value: '1000000' },
    ];
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: 1, configEntries }],
    });
    await topics.ensure(topic, { partitions: 1, retentionMs: 3_600_000 });
    await eventually(async () => {
      const config = await configOf(topic);
      expect(Object.fromEntries(config)).toMatchObject({
        'min.insync.replicas': '2',
        'cleanup.policy': 'delete',
        'retention.bytes': '-1',
        'retention.ms': '3600000',
        'message.timestamp.type': 'LogAppendTime',
      });
    });
  });
});
