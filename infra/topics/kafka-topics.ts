import type { DaybookError } from '@daybook/kernel/errors.ts';
import type { Kafka } from 'kafkajs';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { InMessage, Topics, TopicSettings } from '@daybook/kernel/ports/topics.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { reasonOf } from '../runtime/loop.ts';
import { kafkaTopicsAdmin } from './kafka-admin.ts';
import { isTopicGone, kafkaClient, translateKafkaError, type KafkaSettings } from './kafka-client.ts';
import { kafkaLedger } from './kafka-group.ts';
import { kafkajsProducer } from './kafka-producer.ts';
import { kafkaPublishing } from './kafka-publishing.ts';
import { kafkaReader } from './kafka-reader.ts';
import { waitingTimes } from './kafka-waiting.ts';
import { isShorter, knownEnds, type KnownEnds, type PartitionEnds } from './known-ends.ts';
import { ask } from './postgres-statement.ts';
import { makeTopics, type TopicsOptions } from './make-topics.ts';
import { postgresTopicEngine, topicFinder } from './postgres-topics.ts';
import { publishingGuard } from './publishing-guard.ts';
import { rdkafkaProducer } from './rdkafka-producer.ts';
import { isTopicUnknown, topicLost, type TopicEngine } from './topic-engine.ts';

type Engine = Readonly<{
  settings: KafkaSettings;
  /** Client id at the brokers. */
  name: string;
  database: Database;
  log: Log;
}>;

/**
 * Topics on Apache Kafka. Messages are Kafka's: order, replication, retention. What a group knows of itself stays in
 * PostgreSQL: who holds which partition, how far it is, what it set aside. A group is not one of Kafka's own.
 */
export function kafkaTopics(options: Engine & TopicsOptions & { wakeups: Wakeups }): Topics {
  return makeTopics(kafkaTopicEngine(options), options);
}

/** Where copies of what a topic's groups park go: for whoever looks in by Kafka's own tools. */
export const deadLetterTopic = (topic: string): string => `${topic}.dead-letters`;

/** What readers' groups are called at the brokers: access lists give each service those that begin with its name. */
function readerGroup(name: string, group: string): string {
  const own = /^daybook\b/.test(name) ? name : `daybook.${name}`;
  return `${own.replaceAll(' ', '-')}.${group}`;
}

/** The engine below `kafkaTopics`. Topics are recorded in PostgreSQL with their partitions. */
export function kafkaTopicEngine({ settings, name, database, log }: Engine): TopicEngine {
  const kafka: Kafka = kafkaClient(settings, name, log);
  const admin = kafkaTopicsAdmin(kafka);
  const known = knownEnds(database, log);
  const guard = publishingGuard(known);
  const publishing = kafkaPublishing(
    () => (settings.driver === 'rdkafka' ? rdkafkaProducer(settings, name, log) : kafkajsProducer(kafka)),
    guard,
  );
  const waitingOf = waitingTimes(admin);
  const find = topicFinder(database);
  // Retention is Kafka's: nothing is kept in the database for longer than a transaction.
  const state = postgresTopicEngine({ database, log, retention: { everyMs: 0 } });

  /**
   * With a group, the reason and the place in headers beside the message's own. The message itself is kept beside the group:
   * nobody waits for a copy that is not to be had.
   */
  async function copy(topic: string, group: string, message: InMessage, reason: string): Promise<void> {
    const { key, value, headers, partition, offset } = message;
    const about = {
      daybook_group: group,
      daybook_reason: reason,
      daybook_partition: String(partition),
      daybook_offset: String(offset),
    };
    const { partitions } = await find(topic);
    try {
      await publishing.publish(deadLetterTopic(topic), partitions, [
        { key, value, headers: { ...headers, ...about } },
      ]);
    } catch (error) {
      if (!isTopicGone(error) && (error as DaybookError).retry !== 'never') throw error;
      log.error('A parked message could not be copied to the topic of dead letters.', {
        ...{ topic, group, partition, offset },
        ...reasonOf(error),
      });
    }
  }

  async function ensure(topic: string, wanted: TopicSettings): Promise<void> {
    await failpoint('topics.ensuring');
    await expectWhole(topic);
    await admin.ensure(topic, wanted);
    await admin.ensure(deadLetterTopic(topic), wanted);
    await state.ensure(topic, wanted);
  }

  /** One that was deleted is not made anew by the way: what it had would be passed over. @throws `topic-lost` */
  async function expectWhole(topic: string): Promise<void> {
    const recorded = await find(topic).catch((error: unknown) => {
      if (isTopicUnknown(error)) return undefined;
      throw error;
    });
    if (recorded === undefined) return;
    const reached = await known.of(recorded.id);
    const ends = await admin.find(topic);
    const actual = new Map(ends?.map(({ partition, high }) => [partition, high]));
    if (isShorter(actual, reached)) throw topicLost(topic);
  }

  return {
    ...state,
    ensure,
    publish: async (topic, messages) => {
      const { partitions, id } = await find(topic);
      guard.watch(topic, id);
      try {
        await publishing.publish(topic, partitions, messages);
      } catch (error) {
        throw isTopicGone(error) && (await hasReached(known, id)) ? topicLost(topic, error) : error;
      }
    },
    ledger: async (topic, group, member) => {
      const { id } = await find(topic);
      let reached: PartitionEnds = new Map();
      let ring = (): void => undefined;
      const about = log.with({ topic, group });
      return kafkaLedger({
        database,
        topic: id,
        group,
        member: member.id,
        state: await state.ledger(topic, group, member),
        reader: kafkaReader({
          kafka,
          topic,
          group: readerGroup(name, group),
          arrived: () => {
            ring();
          },
          ends: () => admin.ends(topic),
          reached: (partition) => reached.get(partition) ?? 0,
          log: about,
        }),
        learnEnds: async () => {
          reached = await known.of(id);
        },
        begins: async () => new Map((await admin.ends(topic)).map(({ partition, low }) => [partition, low])),
        log: about,
        copy: (message, reason) => copy(topic, group, message, reason),
        onNews: (call) => {
          ring = call;
        },
      });
    },
    lag: async (topic, group) => {
      const { id } = await find(topic);
      // What is recorded comes first: a topic only grows behind it.
      const recorded = await placesOf(database, id, group);
      const ends = new Map((await admin.find(topic))?.map((one) => [one.partition, one]));
      const lags = recorded.map(({ partition, next, reached, oldestParkedAt }) => {
        const { low, high } = ends.get(partition) ?? { low: 0, high: 0 };
        if (high < Math.max(next, reached)) throw topicLost(topic);
        const lag = { partition, next: Math.max(next, low), end: high };
        return oldestParkedAt === null ? lag : { ...lag, oldestParkedAt };
      });
      const waiting = await waitingOf(topic, lags, recorded[0]?.now ?? 0);
      return lags.map((lag) => {
        const waitingMs = waiting.get(lag.partition);
        return waitingMs === undefined ? lag : { ...lag, waitingMs };
      });
    },
    close: async () => {
      await publishing.close();
      await known.settled();
      await Promise.all([admin.close(), state.close()]);
    },
  };
}

type GroupPlace = Readonly<{
  partition: number;
  next: number;
  /** End of the partition, as far as it is known. */
  reached: number;
  oldestParkedAt: string | null;
  /** The database's time, in milliseconds of the epoch. */
  now: number;
}>;

async function placesOf(database: Database, topic: number, group: string): Promise<readonly GroupPlace[]> {
  const rows = await ask<readonly [number, number, number, string | null, number]>(database, {
    name: 'topics.places',
    text: `select p.partition, coalesce(c.next_offset, 0), p.end_offset,
                  (select min(d.first_parked_at) from topics.dead_letters d
                    where d.topic_id = p.topic_id and d.group_name = $2 and d.partition = p.partition
                      and d.parked and not d.released),
                  floor(extract(epoch from clock_timestamp()) * 1000)::float8
             from topics.partitions p
             left join topics.cursors c
               on c.topic_id = p.topic_id and c.partition = p.partition and c.group_name = $2
            where p.topic_id = $1 order by p.partition`,
    values: [topic, group],
  });
  return rows.map(([partition, next, reached, oldestParkedAt, now]) => ({
    partition,
    next,
    reached,
    oldestParkedAt,
    now,
  }));
}

async function hasReached(known: KnownEnds, topic: number): Promise<boolean> {
  return [...(await known.of(topic)).values()].some((end) => end > 0);
}

/** The id of the cluster, by which it is known again. @throws `unavailable` */
export async function kafkaClusterId(settings: KafkaSettings, name: string, log: Log): Promise<string> {
  const admin = kafkaClient(settings, name, log).admin();
  try {
    await admin.connect();
    const { clusterId } = await admin.describeCluster();
    return clusterId;
  } catch (error) {
    throw translateKafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
