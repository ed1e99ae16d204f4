import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { reasonOf } from '../runtime/loop.ts';
import { list } from './publish-batch.ts';
import { ask } from './postgres-statement.ts';

/** By partition: the offset after the last message. */
export type PartitionEnds = ReadonlyMap<number, number>;

/**
 * How far topics that stand elsewhere are known to reach, in PostgreSQL. A topic that is shorter than that lost messages,
 * or is another one of its name.
 */
export type KnownEnds = Readonly<{
  /** Of what was published, and of what groups have taken in; empty for a topic that is not recorded. */
  of(topic: number): Promise<PartitionEnds>;
  /** Takes note of what was published: it is written within moments, and nobody waits for it. */
  note(topic: number, ends: PartitionEnds): void;
  /** Resolves once everything is written that was noted, or could not be. */
  settled(): Promise<void>;
}>;

/** Places of publishers and of groups, kept in `topics.partitions` and `topics.cursors`. */
export function knownEnds(database: Database, log: Log): KnownEnds {
  const noted = new Map<string, readonly [topic: number, partition: number, end: number]>();
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    while (noted.size > 0) {
      const rows = [...noted.values()];
      noted.clear();
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
        // The next message tells more than this one.
        log.debug('The end of a topic could not be noted.', reasonOf(error));
        return;
      }
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
      writing ??= write().finally(() => (writing = undefined));
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
