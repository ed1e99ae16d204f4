import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { rest } from '../runtime/loop.ts';
import { kafkaTopicsAdmin, type KafkaTopicsAdmin } from './kafka-admin.ts';
import { kafkaClient, type KafkaSettings } from './kafka-client.ts';
import { kafkajsProducer } from './kafka-producer.ts';
import { kafkaPublishing } from './kafka-publishing.ts';
import { kafkaReader, type KafkaReader } from './kafka-reader.ts';
import { deadLetterTopic } from './kafka-topics.ts';
import { isShorter, knownEnds, neverReached } from './known-ends.ts';
import { topicFinder } from './postgres-topics.ts';
import { ask } from './postgres-statement.ts';
import { list } from './publish-batch.ts';
import type { LostPlace, TopicLoss, TopicUpkeep } from './topic-upkeep.ts';

/** A partition that says nothing for so long cannot be read, in milliseconds; looked at so often. */
const silenceMs = 60_000;
const lookEveryMs = 5;

/** Groups that were seen within this are asked about; the others have been given up. */
const forgottenAfter = '30 days';

/** Waits until the leaders of a topic that was just made know of it. @throws `unavailable` */
async function answers(admin: KafkaTopicsAdmin, topic: string): Promise<void> {
  const deadline = performance.now() + silenceMs;
  for (;;) {
    try {
      await admin.ends(topic);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await rest(100, new AbortController().signal);
    }
  }
}

/** Upkeep of topics on Kafka. What groups and publishers know of them stands in PostgreSQL. */
export function kafkaTopicUpkeep(
  options: Readonly<{ settings: KafkaSettings; name: string; database: Database; log: Log }>,
): TopicUpkeep {
  const { settings, name, database, log } = options;
  const kafka = kafkaClient(settings, name, log);
  const admin = kafkaTopicsAdmin(kafka);
  const known = knownEnds(database, log);
  const find = topicFinder(database);
  const readers = new Map<string, KafkaReader>();
  const publishing = kafkaPublishing(() => kafkajsProducer(kafka));

  const readerOf = (topic: string): KafkaReader => {
    const reader =
      readers.get(topic) ??
      kafkaReader({
        kafka,
        topic,
        group: name.replaceAll(' ', '-'),
        arrived: () => undefined,
        ends: () => admin.ends(topic),
        // It is looked through as it is, whatever it was.
        reached: () => 0,
        log,
      });
    readers.set(topic, reader);
    return reader;
  };

  async function read(
    topic: string,
    partition: number,
    from: number,
    limit: number,
  ): Promise<readonly InMessage[]> {
    const reader = readerOf(topic);
    const deadline = performance.now() + silenceMs;
    let passed = from;
    for (;;) {
      const messages = reader.take(partition, from, limit);
      if (messages.length > 0) return messages;
      const late = performance.now() > deadline;
      const upTo = reader.passed(partition, from);
      // Records that are no messages may be all that is left.
      const asks = late || upTo > passed;
      passed = upTo;
      const [span] = asks ? (await admin.ends(topic)).filter((one) => one.partition === partition) : [];
      if (span !== undefined && span.high <= passed) return [];
      if (late)
        throw new DaybookError('unavailable', 'A topic cannot be read to its end.', {
          retry: 'later',
          fields: { topic, partition, from },
        });
      await rest(lookEveryMs, new AbortController().signal);
    }
  }

  async function lossOf(topic: string): Promise<TopicLoss | null> {
    const { id } = await find(topic);
    const reached = await known.of(id);
    const places = await ask<readonly [string, number, number]>(database, {
      name: 'topics.places_of_groups',
      text: `select c.group_name, c.partition, c.next_offset from topics.cursors c
               join topics.groups g on g.topic_id = c.topic_id and g.group_name = c.group_name
              where c.topic_id = $1 and g.seen_at > clock_timestamp() - $2::interval
              order by c.group_name, c.partition`,
      values: [id, forgottenAfter],
    });
    const ends = await admin.find(topic);
    const spans = new Map(ends?.map((end) => [end.partition, end]));
    const highs = new Map(ends?.map(({ partition, high }) => [partition, high]));
    const whole = ends === null ? 'gone' : isShorter(highs, reached) ? 'shorter' : null;
    const lost = places.flatMap(([group, partition, next]): LostPlace[] => {
      const { low, high } = spans.get(partition) ?? { low: 0, high: 0 };
      const isLost = whole !== null || next < low || next > high;
      return isLost ? [{ group, partition, behind: next < (reached.get(partition) ?? 0) }] : [];
    });
    return whole === null && lost.length === 0 ? null : { topic, whole, places: lost };
  }

  return {
    relayInOneStep: false,
    spans: (topic) => admin.find(topic),
    read,
    publish: async (topic, messages) => {
      await publishing.publish(topic, (await find(topic)).partitions, messages);
    },
    lossOf,
    removeBefore: (topic, places) => admin.removeBefore(topic, places),
    remake: async (topic, wanted) => {
      await admin.ensure(topic, wanted);
      await admin.ensure(deadLetterTopic(topic), wanted);
      await answers(admin, topic);
    },
    hold: async (loss) => {
      const { id } = await find(loss.topic);
      try {
        await database.transaction(async (client) => {
          await client.query('update topics.partitions set end_offset = $2 where topic_id = $1', [
            id,
            neverReached,
          ]);
          await client.query(
            'update topics.cursors set owner = null, epoch = epoch + 1 where topic_id = $1',
            [id],
          );
        });
      } catch (error) {
        throw translateDatabaseError(error);
      }
    },
    mend: async (loss, places) => {
      const { id } = await find(loss.topic);
      const ends = await admin.ends(loss.topic);
      try {
        await database.transaction(async (client) => {
          await client.query(
            `update topics.partitions p set end_offset = e.reached
               from unnest($2::integer[], $3::bigint[]) e (partition, reached)
              where p.topic_id = $1 and p.partition = e.partition`,
            [id, list(ends.map(({ partition }) => partition)), list(ends.map(({ high }) => high))],
          );
          // Also of groups that have been given up: as far as one of them is, the topic is known to reach.
          await client.query(
            `update topics.cursors c set next_offset = n.next, owner = null, epoch = c.epoch + 1, attempts = 0, tried_to = 0
               from unnest($2::integer[], $3::bigint[]) n (partition, next), topics.partitions p
              where c.topic_id = $1 and c.partition = n.partition
                and p.topic_id = c.topic_id and p.partition = c.partition
                and (c.next_offset > p.end_offset
                  or (c.group_name, c.partition) in (select * from unnest($4::text[], $5::integer[])))`,
            [
              ...[id, list([...places.keys()]), list([...places.values()])],
              loss.places.map(({ group }) => group),
              list(loss.places.map(({ partition }) => partition)),
            ],
          );
        });
      } catch (error) {
        throw translateDatabaseError(error);
      }
    },
    close: async () => {
      await Promise.all([publishing.close(), ...[...readers.values()].map((reader) => reader.close())]);
      await admin.close();
    },
  };
}
