import type { Admin, IResourceConfigEntry, Kafka } from 'kafkajs';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { TopicSettings } from '@daybook/kernel/ports/topics.ts';
import {
  isLeaderElsewhere,
  isRefused,
  rethrowKafka,
  topicResource,
  translateKafkaError,
} from './kafka-client.ts';
import { partitionMismatch } from './topic-engine.ts';

/** Where a partition begins and ends: the first offset that is kept, and the one after the last. */
export type Ends = Readonly<{ partition: number; low: number; high: number }>;

/** What is asked of a cluster about its topics. */
export type KafkaTopicsAdmin = Readonly<{
  /**
   * Creates the topic, or confirms it and sets its retention where that differs. A user who may not do that waits for one who
   * may to create it, and leaves its retention to such a one.
   * @throws `partition-mismatch` · `unavailable`
   */
  ensure(topic: string, settings: TopicSettings): Promise<void>;
  ends(topic: string): Promise<readonly Ends[]>;
  /** As `ends`; null where there is no such topic. */
  find(topic: string): Promise<readonly Ends[] | null>;
  /** Offset of the first record of each partition that is of a time (milliseconds of the epoch) or later; its end where there is none. */
  offsetsAt(topic: string, timestamp: number): Promise<ReadonlyMap<number, number>>;
  /** Removes the records before these offsets; of a topic that is not there none. The offsets of the others stay. */
  removeBefore(topic: string, offsets: ReadonlyMap<number, number>): Promise<void>;
  close(): Promise<void>;
}>;

/**
 * Stamped by the broker, so that ages are told by one clock, and messages of the size that PostgreSQL takes too. They go by
 * their age alone, whatever a cluster does with topics that say nothing of it.
 */
const topicSettings = {
  'cleanup.policy': 'delete',
  'retention.bytes': '-1',
  'message.timestamp.type': 'LogAppendTime',
  'max.message.bytes': String(16 * 1024 * 1024),
};

/** What Kafka calls for ever. */
const keptForEver = '-1';

/** A new topic's partitions have leaders within this, in milliseconds; looked at so often. */
const leadersTimeoutMs = 15_000;

/** A topic that this user may not create is waited for so long, in milliseconds. */
const creatorTimeoutMs = 60_000;
const lookEveryMs = 50;

/** So often the leaders of partitions are asked, where they change meanwhile. */
const mostLeaders = 5;

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
  /** On a new connection the leaders are those of now. */
  const askLeaders = async <T>(question: (admin: Admin) => Promise<T>): Promise<T> => {
    for (let asked = 1; ; asked += 1) {
      try {
        return await ask(question);
      } catch (error) {
        if (asked === mostLeaders || !isLeaderElsewhere(error)) throw error;
        await new Promise((wake) => setTimeout(wake, lookEveryMs * asked));
      }
    }
  };
  const endsOf = (topic: string): Promise<readonly Ends[]> =>
    askLeaders(async (admin) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets
        .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
        .sort((a, b) => a.partition - b.partition);
    });
  const find = async (topic: string): Promise<readonly Ends[] | null> => {
    const topics = await ask((admin) => admin.listTopics());
    return topics.includes(topic) ? endsOf(topic) : null;
  };
  return {
    ensure: async (topic, { partitions, retentionMs }) => {
      const retention = retentionMs === undefined ? keptForEver : String(retentionMs);
      const configEntries = Object.entries({ ...topicSettings, 'retention.ms': retention }).map(
        ([name, value]) => ({ name, value }),
      );
      await ask(async (admin) => {
        // Nothing is asked for that there is already: who may not create, or set, is not refused either.
        const found = (await admin.listTopics()).includes(topic);
        const made = found ? 'by others' : await create(admin, topic, partitions, configEntries);
        const actual = await partitionsOf(admin, topic, made);
        if (actual !== partitions) throw partitionMismatch(topic, partitions, actual);
        if (made !== 'here') await setUp(admin, topic, configEntries);
      });
    },
    ends: endsOf,
    find,
    offsetsAt: (topic, timestamp) =>
      askLeaders(async (admin) => {
        const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, timestamp);
        return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
      }),
    removeBefore: async (topic, offsets) => {
      const partitions = ((await find(topic)) ?? []).flatMap(({ partition, low, high }) => {
        const before = Math.min(offsets.get(partition) ?? 0, high);
        return low < before ? [{ partition, offset: String(before) }] : [];
      });
      if (partitions.length === 0) return;
      await ask((admin) => admin.deleteTopicRecords({ topic, partitions }).catch(rethrowRefusal));
    },
    close: async () => {
      await connected?.then((admin) => admin.disconnect()).catch(() => undefined);
    },
  };
}

/** Who made a topic: this process, somebody else, or nobody yet while this user may not. */
type Creator = 'here' | 'by others' | 'refused here';

async function create(
  admin: Admin,
  topic: string,
  numPartitions: number,
  configEntries: IResourceConfigEntry[],
): Promise<Creator> {
  try {
    // The client's own wait fails where a broker has not heard of the topic yet.
    const topics = [{ topic, numPartitions, configEntries }];
    return (await admin.createTopics({ waitForLeaders: false, topics })) ? 'here' : 'by others';
  } catch (error) {
    if (isRefused(error)) return 'refused here';
    throw error;
  }
}

/** Where a setting was made for the topic itself. https://kafka.apache.org/protocol#The_Messages_DescribeConfigs */
const ofTopic = 1;

/** Sets what differs, or leaves it to who may. What else was set of the topic stays: brokers forget what is not sent along. */
async function setUp(admin: Admin, topic: string, configEntries: IResourceConfigEntry[]): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: topicResource, name: topic }],
  });
  const actual = resources[0]?.configEntries ?? [];
  const values = new Map(actual.map(({ configName, configValue }) => [configName, configValue]));
  if (configEntries.every(({ name, value }) => values.get(name) === value)) return;
  const ours = new Set(configEntries.map(({ name }) => name));
  const others = actual
    .filter(({ configName, configSource }) => (configSource as number) === ofTopic && !ours.has(configName))
    .map(({ configName: name, configValue: value }) => ({ name, value }));
  try {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: topicResource, name: topic, configEntries: [...configEntries, ...others] }],
    });
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
}

/** What a broker says of records that it does not remove stands with their partitions. @throws that, or the error itself */
function rethrowRefusal(error: unknown): never {
  const { partitions = [] } = error as { partitions?: readonly { error?: unknown }[] };
  throw partitions.find((one) => one.error !== undefined)?.error ?? error;
}

/** How many partitions a topic has, once all of them have a leader. */
async function partitionsOf(admin: Admin, topic: string, made: Creator): Promise<number> {
  const refused = made === 'refused here';
  const deadline = performance.now() + (refused ? creatorTimeoutMs : leadersTimeoutMs);
  for (;;) {
    const leaders = await leadersOf(admin, topic);
    if (leaders.length > 0 && leaders.every((leader) => leader >= 0)) return leaders.length;
    if (performance.now() > deadline)
      throw refused ? nobodyCreates(topic) : translateKafkaError({ name: 'LEADER_NOT_AVAILABLE' });
    await new Promise((wake) => setTimeout(wake, lookEveryMs));
  }
}

/** Of each partition, below zero where it has none; nothing where brokers have not heard of the topic yet. */
async function leadersOf(admin: Admin, topic: string): Promise<readonly number[]> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.map(({ leader }) => leader) ?? [];
  } catch (error) {
    if (settling.has((error as { type?: string }).type ?? '')) return [];
    throw error;
  }
}

function nobodyCreates(topic: string): DaybookError {
  return new DaybookError(
    'unavailable',
    `The topic ${topic} is not there, and this user of Kafka may not create it.`,
    { retry: 'later' },
  );
}
