import { coalesced } from '../database/coalesced.ts';
import type { Database } from '../database/database.ts';
import type { Want } from './group-ledger.ts';
import { ask } from './postgres-statement.ts';
import { list } from './publish-batch.ts';

/** What one consumer waits for. */
export type NewsWanted = Readonly<{ topic: number; group: string; wants: readonly Want[] }>;

/** Consumers of a process look at the same times; this much later all of them have asked. */
const lingerMs = 5;

const text = `
  select w.asker
    from unnest($1::integer[], $2::integer[], $3::text[], $4::integer[], $5::bigint[], $6::boolean[])
      w (asker, topic, group_name, partition, start, letters)
   where exists (select from topics.partitions p
                  where p.topic_id = w.topic and p.partition = w.partition and p.end_offset > w.start)
      or (w.letters and exists (select from topics.dead_letters d
            where d.topic_id = w.topic and d.group_name = w.group_name and d.partition = w.partition and d.released))`;

/**
 * Asks for several consumers at once whether there is anything for them: at rest the consumers of a process cost one
 * statement a poll, however many they are.
 */
export function newsOf(database: Database): (wanted: NewsWanted) => Promise<boolean> {
  return coalesced<NewsWanted, boolean>(
    async (askers) => {
      const all = askers.flatMap(({ topic, group, wants }, asker) =>
        wants.map((want) => ({ asker, topic, group, ...want })),
      );
      const rows = await ask<readonly [number]>(database, {
        name: 'topics.news',
        text,
        values: [
          list(all.map(({ asker }) => asker)),
          list(all.map(({ topic }) => topic)),
          all.map(({ group }) => group),
          list(all.map(({ partition }) => partition)),
          list(all.map(({ from }) => from)),
          all.map(({ letters }) => letters),
        ],
      });
      const found = new Set(rows.map(([asker]) => asker));
      return askers.map((_, asker) => found.has(asker));
    },
    { lingerMs },
  );
}
