import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import type { Kafka, Producer } from 'kafkajs';
import { kafkajsProducer, type KafkaRecord } from './kafka-producer.ts';

const require = createRequire(import.meta.url);
/** The client's own producer, over whatever cluster. */
const producerOver = require('kafkajs/src/producer/index.js') as (options: object) => Producer;

type TopicData = readonly Readonly<{
  topic: string;
  partitions: readonly Readonly<{ partition: number; messages: readonly unknown[] }>[];
}>[];

const quiet = {
  debug: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  info: () => undefined,
};
const logger = { ...quiet, namespace: () => logger };

/** Two brokers and their logs. A broker refuses partitions that it does not lead, and the client asks anew who does. */
function cluster(leaders: Map<number, number>) {
  const stored = new Map<number, number>();
  let known = new Map(leaders);
  const refusal = (): Error =>
    Object.assign(new Error('Not the leader.'), {
      name: 'KafkaJSProtocolError',
      type: 'NOT_LEADER_FOR_PARTITION',
      retriable: true,
    });
  const brokers = [1, 2].map((nodeId) => ({
    nodeId,
    initProducerId: () => Promise.resolve({ producerId: '1', producerEpoch: 0 }),
    produce: ({ topicData }: { topicData: TopicData }) => {
      const [data] = topicData;
      const partitions = data?.partitions ?? [];
      if (partitions.some(({ partition }) => leaders.get(partition) !== nodeId))
        return Promise.reject(refusal());
      const answers = partitions.map(({ partition, messages }) => {
        const baseOffset = stored.get(partition) ?? 0;
        stored.set(partition, baseOffset + messages.length);
        return { partition, errorCode: 0, baseOffset: String(baseOffset) };
      });
      return Promise.resolve({ topics: [{ topicName: data?.topic, partitions: answers }] });
    },
  }));
  const broker = (nodeId: string | number) => brokers.find((one) => one.nodeId === Number(nodeId));
  return {
    stored,
    retry: { retries: 5, initialRetryTime: 1, maxRetryTime: 1 },
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    isConnected: () => true,
    addMultipleTargetTopics: () => Promise.resolve(),
    refreshMetadataIfNecessary: () => Promise.resolve(),
    refreshMetadata: () => {
      known = new Map(leaders);
      return Promise.resolve();
    },
    findControllerBroker: () => Promise.resolve(broker(1)),
    findBroker: ({ nodeId }: { nodeId: string }) => Promise.resolve(broker(nodeId)),
    findTopicPartitionMetadata: () => [...known].map(([partitionId, leader]) => ({ partitionId, leader })),
    findLeaderForPartitions: (_: string, partitions: readonly string[]) => {
      const led: Record<number, number[]> = {};
      for (const partition of partitions.map(Number)) {
        const leader = known.get(partition);
        if (leader !== undefined) (led[leader] ??= []).push(partition);
      }
      return led;
    },
  };
}

const connect = (over: ReturnType<typeof cluster>): ReturnType<typeof kafkajsProducer> => {
  const producer = (options: object): Producer =>
    producerOver({ ...options, cluster: over, logger, retry: over.retry });
  return kafkajsProducer({ producer } as unknown as Kafka);
};

const record = (partition: number): KafkaRecord => ({
  key: Buffer.from('key'),
  value: Buffer.from('value'),
  headers: {},
  partition,
});

test('records of a partition whose leader changed to a broker that has answered already are not taken for stored', async () => {
  const leaders = new Map([
    [0, 1],
    [1, 2],
  ]);
  const brokers = cluster(leaders);
  const producer = await connect(brokers);
  expect(await producer.send('topic', [record(0), record(1)])).toHaveLength(2);
  leaders.set(0, 2);
  const outcome = await producer.send('topic', [record(0), record(1)]).catch((error: unknown) => error);
  expect(brokers.stored.get(0)).toBe(1);
  expect(outcome).toBeInstanceOf(Error);
});

test('records of a partition that the topic has not any more are not taken for stored', async () => {
  const producer = await connect(cluster(new Map([[0, 1]])));
  await expect(producer.send('topic', [record(0), record(1)])).rejects.toMatchObject({
    type: 'PARTITION_UNANSWERED',
  });
});

test('records of all partitions stand where the brokers say', async () => {
  const producer = await connect(
    cluster(
      new Map([
        [0, 1],
        [1, 2],
      ]),
    ),
  );
  await producer.send('topic', [record(0)]);
  const places = await producer.send('topic', [record(0), record(1), record(0)]);
  expect(places.toSorted((a, b) => a.partition - b.partition)).toEqual([
    { partition: 0, first: 1, end: 3 },
    { partition: 1, first: 0, end: 1 },
  ]);
});
