import type { InMessage, OutMessage, Topics, TopicSettings } from '@daybook/kernel/ports/topics.ts';
import type { Position } from '@daybook/kernel/event.ts';
import type { Database } from '../database/database.ts';
import { topicFinder } from './postgres-topics.ts';
import { ask } from './postgres-statement.ts';
import { list } from './publish-batch.ts';

/** A partition of a topic: the offset of the first message that is kept, and the one after the last. */
export type PartitionSpan = Readonly<{ partition: number; low: number; high: number }>;

/** What a topic lost under those who know it, and who cannot go on before it is mended. */
export type TopicLoss = Readonly<{
  topic: string;
  /** It is not there, or ends before what was published to it. */
  whole: 'gone' | 'shorter' | null;
  /** Places of groups before its beginning or behind its end; of a topic that is not whole all of them. */
  places: readonly LostPlace[];
}>;

/** `behind`: the group has not taken in everything that was ever published there. */
export type LostPlace = Readonly<{ group: string; partition: number; behind: boolean }>;

/** Offsets by partition, such as where a topic that is mended goes on. */
export type NewPlaces = ReadonlyMap<number, number>;

/** What commands do to topics: look through them, and mend them. The engine's own way, below consumer groups. */
export type TopicUpkeep = Readonly<{
  /** Whether messages and the relay's checkpoint are written in one step, so that a former leader writes nothing late. */
  relayInOneStep: boolean;
  /** Where the partitions begin and end; null where there is no such topic. */
  spans(topic: string): Promise<readonly PartitionSpan[] | null>;
  /** Messages of a partition from an offset on, at most `limit`; none at its end. @throws `unavailable` */
  read(topic: string, partition: number, from: number, limit: number): Promise<readonly InMessage[]>;
  /** Resolves once the engine has all messages, in order for each key; also of a topic that lost messages. */
  publish(topic: string, messages: readonly OutMessage[]): Promise<void>;
  /** Null where nothing is lost. */
  lossOf(topic: string): Promise<TopicLoss | null>;
  /**
   * Removes for good what stands before these places; offsets count on. May be repeated, and of a topic that is not there
   * nothing is removed.
   */
  removeBefore(topic: string, places: NewPlaces): Promise<void>;
  /** Makes the topic where it is not there. */
  remake(topic: string, settings: TopicSettings): Promise<void>;
  /**
   * Takes the groups off the topic until it is mended, however long it grows meanwhile: what stands at their places now
   * is not what follows what they have. They heed it within their lease.
   */
  hold(loss: TopicLoss): Promise<void>;
  /** Takes the topic for whole as it is now, and sends the groups on to new places where theirs are lost. */
  mend(loss: TopicLoss, places: NewPlaces): Promise<void>;
  close(): Promise<void>;
}>;

/** Of topics in PostgreSQL, which lose nothing by themselves: places stay true whatever is removed. */
export function postgresTopicUpkeep(database: Database, topics: Pick<Topics, 'publish'>): TopicUpkeep {
  const find = topicFinder(database);
  return {
    relayInOneStep: true,
    spans: async (topic) => {
      const { id } = await find(topic);
      const rows = await ask<readonly [number, number, number]>(database, {
        name: 'topics.spans',
        text: `select p.partition, coalesce((select m."offset" from topics.messages m
                        where m.topic_id = p.topic_id and m.partition = p.partition order by m."offset" limit 1),
                      p.end_offset), p.end_offset
                 from topics.partitions p where p.topic_id = $1 order by p.partition`,
        values: [id],
      });
      return rows.map(([partition, low, high]) => ({ partition, low, high }));
    },
    read: async (topic, partition, from, limit) => {
      const { id } = await find(topic);
      const rows = await ask<readonly [number, string, Buffer, Record<string, string>, string]>(database, {
        name: 'topics.read',
        text: `select m."offset", m.key, m.value, m.headers, m.published_at from topics.messages m
                where m.topic_id = $1 and m.partition = $2 and m."offset" >= $3 order by m."offset" limit $4`,
        values: [id, partition, from, limit],
      });
      return rows.map(([offset, key, value, headers, publishedAt]) => ({
        ...{ partition, offset, key, value, headers, publishedAt },
        attempt: 1,
      }));
    },
    publish: (topic, messages) => topics.publish(topic, messages),
    lossOf: () => Promise.resolve(null),
    removeBefore: async (topic, places) => {
      const { id } = await find(topic);
      await ask(database, {
        name: 'topics.remove_before',
        text: `delete from topics.messages m using unnest($2::integer[], $3::bigint[]) e (partition, before)
                where m.topic_id = $1 and m.partition = e.partition and m."offset" < e.before`,
        values: [id, list([...places.keys()]), list([...places.values()])],
      });
    },
    remake: () => Promise.resolve(),
    hold: () => Promise.resolve(),
    mend: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/**
 * Least position of the consumers that are behind at a place that is lost: what they have not taken in begins behind it.
 * Null where there is none.
 */
export async function leastPositionOf(
  database: Database,
  places: readonly LostPlace[],
): Promise<Position | null> {
  const behind = places.filter((place) => place.behind);
  const rows = await ask<readonly [Position | null]>(database, {
    name: 'topics.least_position',
    text: `select min(c.position) from unnest($1::text[], $2::integer[]) l (group_name, partition)
             join runtime.checkpoints c on c.partition = l.partition and l.group_name = case
               when c.consumer like 'process %' then substr(c.consumer, length('process ') + 1)
               else split_part(c.consumer, ' build ', 1) || '.v' || c.version end`,
    values: [behind.map(({ group }) => group), list(behind.map(({ partition }) => partition))],
  });
  return rows[0]?.[0] ?? null;
}
