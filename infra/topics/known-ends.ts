import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { reasonOf } from '../runtime/loop.ts';
import { list } from './publish-batch.ts';
import { ask } from './postgres-statement.ts';

/** By partition: the offset after the last message. */
export type PartitionEnds = ReadonlyMap<number, number>;

/** Noted of a partition that is another one than before, where no topic ever ends. */
export const neverReached = Number.MAX_SAFE_INTEGER;

/**
 * How far topics that stand elsewhere are known to reach, in PostgreSQL. A topic that is shorter than that lost messages,
 * or is another one of its name.
 */
export type KnownEnds = Readonly<{
  /** Of what was published, and of what groups have taken in; empty for a topic that is not recorded. */
  of(topic: number): Promise<PartitionEnds>;
  /** Takes note of what was published: it is written within moments, and nobody waits for it. */
  note(topic: number, ends: PartitionEnds): void;
  /** Takes note that partitions are those of another topic than before: nothing goes on there until somebody mends it. @throws `unavailable` */
  lose(topic: number, partitions: readonly number[]): Promise<void>;
  /** Resolves once everything is written that was noted, or could not be. */
  settled(): Promise<void>;
}>;

/** Places of publishers and of groups, kept in `topics.partitions` and `topics.cursors`. */
export function knownEnds(database: Database, log: Log): KnownEnds {
  const noted = new Map<string, readonly [topic: number, partition: number, end: number]>();
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    try {
      while (noted.size > 0) await writeAll();
    } catch (error) {
      log.debug('The ends of topics could not be noted; they are with the next ones.', reasonOf(error));
    } finally {
      writing = undefined;
    }
  }

  async function writeAll(): Promise<void> {
    const taken = [...noted];
    noted.clear();
    const rows = taken.map(([, row]) => row);
    try {
      await ask(database, {
        name: 'topics.note_ends',
        text: `with quick as materialized (select set_config('synchronous_commit', 'off', true) as setting)
               update topics.partitions p set end_offset = n.reached
                 from unnest($1::integer[], $2::integer[], $3::bigint[]) n (topic, partition, reached), quick
                where p.topic_id = n.topic and p.partition = n.partition and p.end_offset < n.reached
               returning 1`,
        values: [0, 1, 2].map((column) => list(rows.map((row) => row[column] ?? 0))),
      });
    } catch (error) {
      for (const [place, row] of taken) if (!noted.has(place)) noted.set(place, row);
      throw error;
    }
  }

  return {
    of: async (topic) => {
      const rows = await ask<readonly [number, number]>(database, {
        name: 'topics.known_ends',
        text: `select p.partition, greatest(p.end_offset, coalesce(max(c.next_offset), 0))
                 from topics.partitions p
                 left join topics.cursors c on c.topic_id = p.topic_id and c.partition = p.partition
                where p.topic_id = $1 group by p.partition, p.end_offset`,
        values: [topic],
      });
      return new Map(rows);
    },
    note: (topic, ends) => {
      for (const [partition, end] of ends)
        noted.set(`${String(topic)} ${String(partition)}`, [topic, partition, end]);
      writing ??= write();
    },
    lose: async (topic, partitions) => {
      await ask(database, {
        name: 'topics.lose_ends',
        text: `update topics.partitions set end_offset = $3 where topic_id = $1 and partition = any ($2::integer[])
               returning 1`,
        values: [topic, list(partitions), neverReached],
      });
    },
    settled: async () => {
      await writing;
    },
  };
}

/** Whether a topic ends before the place that it is known to reach. */
export function isShorter(actual: PartitionEnds, known: PartitionEnds): boolean {
  return [...known].some(([partition, end]) => (actual.get(partition) ?? 0) < end);
}
