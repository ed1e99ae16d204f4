import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type pg from 'pg';
import type { Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { ask } from './postgres-statement.ts';
import { list } from './publish-batch.ts';
import type { NewPlaces, PartitionSpan, TopicUpkeep } from './topic-upkeep.ts';

/**
 * Notes within the caller's transaction that all that is on a topic outside of the database is given up: it bears positions
 * of a log as it was. Groups that are sent to the ends of its partitions in the same transaction go on behind it.
 */
export async function noteFormerMessages(
  client: pg.PoolClient,
  topic: string,
  spans: readonly PartitionSpan[],
): Promise<void> {
  await client.query(
    `update topics.partitions p
        set end_offset = greatest(p.end_offset, e.reached), former_end = nullif(e.reached, 0)
       from unnest($2::integer[], $3::bigint[]) e (partition, reached)
       join topics.topics t on t.name = $1
      where p.topic_id = t.topic_id and p.partition = e.partition`,
    [topic, list(spans.map(({ partition }) => partition)), list(spans.map(({ high }) => high))],
  );
}

type Noted = readonly [topic: string, partition: number, before: number];

/** What is noted of messages that are given up: by topic, the offset in each partition before which they stand. */
export async function formerMessages(database: Database): Promise<ReadonlyMap<string, NewPlaces>> {
  const rows = await ask<Noted>(database, {
    name: 'topics.former_messages',
    text: `select t.name, p.partition, p.former_end from topics.partitions p join topics.topics t using (topic_id)
            where p.former_end is not null order by t.name, p.partition`,
    values: [],
  });
  const topics = new Map<string, Map<number, number>>();
  for (const [topic, partition, before] of rows) {
    topics.set(topic, (topics.get(topic) ?? new Map<number, number>()).set(partition, before));
  }
  return topics;
}

/**
 * Removes the messages that are noted as given up, and then the note. What was published behind them stays, so that it may
 * be done again, by several at once, and after a death at any point.
 * @throws `unavailable` where they could not be removed; nobody may read the topic then
 */
export async function removeFormerMessages(
  database: Database,
  upkeep: Pick<TopicUpkeep, 'removeBefore'>,
): Promise<void> {
  for (const [topic, places] of await formerMessages(database)) {
    await upkeep.removeBefore(topic, places).catch((error: unknown) => {
      throw isDaybookError(error) ? notRemoved(topic, error) : error;
    });
    await failpoint('logMove.emptied');
    await ask(database, {
      name: 'topics.former_removed',
      text: `update topics.partitions p set former_end = null
               from topics.topics t, unnest($2::integer[], $3::bigint[]) e (partition, before)
              where t.name = $1 and p.topic_id = t.topic_id and p.partition = e.partition
                and p.former_end = e.before
             returning 1`,
      values: [topic, list([...places.keys()]), list([...places.values()])],
    });
  }
}

function notRemoved(topic: string, cause: DaybookError): DaybookError {
  return new DaybookError(
    'unavailable',
    `The log was moved, and messages of before are still on the topic ${topic}, where nobody may read them: ${cause.message} Give "daybook migrate-log" again, as a user of Kafka that may delete records of the topic.`,
    { retry: 'later', fields: cause.fields, cause },
  );
}
