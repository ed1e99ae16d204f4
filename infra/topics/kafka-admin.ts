import type { Admin, Kafka } from 'kafkajs';
import type { TopicSettings } from '@daybook/kernel/ports/topics.ts';
import { rethrowKafka, topicResource, translateKafkaError } from './kafka-client.ts';
import { partitionMismatch } from './topic-engine.ts';

/** Where a partition begins and ends: the first offset that is kept, and the one after the last. */
export type Ends = Readonly<{ partition: number; low: number; high: number }>;

/** What is asked of a cluster about its topics. */
export type KafkaTopicsAdmin = Readonly<{
  /** Creates the topic, or confirms it and sets its retention. @throws `partition-mismatch` · `unavailable` */
  ensure(topic: string, settings: TopicSettings): Promise<void>;
  ends(topic: string): Promise<readonly Ends[]>;
  /** As `ends`; null where there is no such topic. */
  find(topic: string): Promise<readonly Ends[] | null>;
  /** Offset of the first record of each partition that is of a time (milliseconds of the epoch) or later; its end where there is none. */
  offsetsAt(topic: string, timestamp: number): Promise<ReadonlyMap<number, number>>;
  close(): Promise<void>;
}>;

/** Stamped by the broker, so that ages are told by one clock, and messages of the size that PostgreSQL takes too. */
const topicSettings = {
  'message.timestamp.type': 'LogAppendTime',
  'max.message.bytes': String(16 * 1024 * 1024),
};

/** What Kafka calls for ever. */
const keptForEver = '-1';

/** A new topic's partitions have leaders within this, in milliseconds; looked at so often. */
const leadersTimeoutMs = 15_000;
const lookEveryMs = 50;

/** What brokers say of a topic that they have not heard of yet. */
const settling = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);

/** One connection for all questions, made at the first. */
export function kafkaTopicsAdmin(kafka: Kafka): KafkaTopicsAdmin {
  let connected: Promise<Admin> | undefined;
  const connect = async (): Promise<Admin> => {
    const admin = kafka.admin();
    await admin.connect();
    return admin;
  };
  const ask = async <T>(question: (admin: Admin) => Promise<T>): Promise<T> => {
    const asked = (connected ??= connect());
    try {
      return await question(await asked);
    } catch (error) {
      if (connected === asked) connected = undefined;
      await asked.then((admin) => admin.disconnect()).catch(() => undefined);
      return rethrowKafka(error);
    }
  };
  const endsOf = (topic: string): Promise<readonly Ends[]> =>
    ask(async (admin) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets
        .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
        .sort((a, b) => a.partition - b.partition);
    });
  return {
    ensure: async (topic, { partitions, retentionMs }) => {
      const retention = retentionMs === undefined ? keptForEver : String(retentionMs);
      const configEntries = Object.entries({ ...topicSettings, 'retention.ms': retention }).map(
        ([name, value]) => ({ name, value }),
      );
      await ask(async (admin) => {
        const made = await admin.createTopics({
          // The client's own wait fails where a broker has not heard of the topic yet.
          waitForLeaders: false,
          topics: [{ topic, numPartitions: partitions, configEntries }],
        });
        const actual = await partitionsOf(admin, topic);
        if (actual !== partitions) throw partitionMismatch(topic, partitions, actual);
        if (made) return;
        await admin.alterConfigs({
          validateOnly: false,
          resources: [{ type: topicResource, name: topic, configEntries }],
        });
      });
    },
    ends: endsOf,
    find: async (topic) => {
      const topics = await ask((admin) => admin.listTopics());
      return topics.includes(topic) ? endsOf(topic) : null;
    },
    offsetsAt: (topic, timestamp) =>
      ask(async (admin) => {
        const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, timestamp);
        return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
      }),
    close: async () => {
      await connected?.then((admin) => admin.disconnect()).catch(() => undefined);
    },
  };
}

/** How many partitions a topic has, once all of them have a leader. */
async function partitionsOf(admin: Admin, topic: string): Promise<number> {
  const deadline = performance.now() + leadersTimeoutMs;
  for (;;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const partitions = topics[0]?.partitions ?? [];
      if (partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)) return partitions.length;
    } catch (error) {
      const { type = '' } = error as { type?: string };
      if (!settling.has(type) || performance.now() > deadline) throw error;
    }
    if (performance.now() > deadline) throw translateKafkaError({ name: 'LEADER_NOT_AVAILABLE' });
    await new Promise((wake) => setTimeout(wake, lookEveryMs));
  }
}
