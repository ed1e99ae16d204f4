import type { Kafka } from 'kafkajs';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { InMessage, Topics, TopicSettings } from '@daybook/kernel/ports/topics.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { kafkaTopicsAdmin } from './kafka-admin.ts';
import { kafkaClient, translateKafkaError, type KafkaSettings } from './kafka-client.ts';
import { kafkaLedger } from './kafka-group.ts';
import { kafkajsProducer } from './kafka-producer.ts';
import { kafkaPublishing } from './kafka-publishing.ts';
import { kafkaReader } from './kafka-reader.ts';
import { waitingTimes } from './kafka-waiting.ts';
import { makeTopics, type TopicsOptions } from './make-topics.ts';
import { postgresTopicEngine, topicFinder } from './postgres-topics.ts';
import { rdkafkaProducer } from './rdkafka-producer.ts';
import type { TopicEngine } from './topic-engine.ts';

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

/** The engine below `kafkaTopics`. Topics are recorded in PostgreSQL with their partitions. */
export function kafkaTopicEngine({ settings, name, database, log }: Engine): TopicEngine {
  const kafka: Kafka = kafkaClient(settings, name, log);
  const admin = kafkaTopicsAdmin(kafka);
  const publishing = kafkaPublishing(() =>
    settings.driver === 'rdkafka' ? rdkafkaProducer(settings, name, log) : kafkajsProducer(kafka),
  );
  const waitingOf = waitingTimes(admin);
  const find = topicFinder(database);
  // Retention is Kafka's: nothing is kept in the database for longer than a transaction.
  const state = postgresTopicEngine({ database, log, retention: { everyMs: 0 } });

  /** With a group, the reason and the place in headers beside the message's own. */
  async function copy(topic: string, group: string, message: InMessage, reason: string): Promise<void> {
    const { key, value, headers, partition, offset } = message;
    const about = {
      daybook_group: group,
      daybook_reason: reason,
      daybook_partition: String(partition),
      daybook_offset: String(offset),
    };
    await publishing.publish(deadLetterTopic(topic), (await find(topic)).partitions, [
      { key, value, headers: { ...headers, ...about } },
    ]);
  }

  async function ensure(topic: string, wanted: TopicSettings): Promise<void> {
    await failpoint('topics.ensuring');
    await admin.ensure(topic, wanted);
    await admin.ensure(deadLetterTopic(topic), wanted);
    await state.ensure(topic, wanted);
  }

  return {
    ...state,
    ensure,
    publish: async (topic, messages) => publishing.publish(topic, (await find(topic)).partitions, messages),
    ledger: async (topic, group, member) => {
      const { id } = await find(topic);
      let ring = (): void => undefined;
      const about = log.with({ topic, group });
      return kafkaLedger({
        database,
        topic: id,
        group,
        member: member.id,
        state: await state.ledger(topic, group, member),
        reader: kafkaReader(
          kafka,
          topic,
          group,
          () => {
            ring();
          },
          about,
        ),
        copy: (message, reason) => copy(topic, group, message, reason),
        onNews: (call) => {
          ring = call;
        },
      });
    },
    lag: async (topic, group) => {
      const recorded = await state.lag(topic, group);
      const ends = new Map((await admin.ends(topic)).map((one) => [one.partition, one]));
      const lags = recorded.map((lag) => {
        const { low = 0, high = 0 } = ends.get(lag.partition) ?? {};
        return { ...lag, next: Math.max(lag.next, low), end: high };
      });
      const waiting = await waitingOf(topic, lags);
      return lags.map((lag) => {
        const waitingMs = waiting.get(lag.partition);
        return waitingMs === undefined ? lag : { ...lag, waitingMs };
      });
    },
    close: async () => {
      await publishing.close();
      await Promise.all([admin.close(), state.close()]);
    },
  };
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
