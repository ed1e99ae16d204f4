import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from './bar.ts';
import { countRows, plainPool } from './bench-database.ts';
import { concurrently, type Sample } from './measure.ts';
import { sampleForm } from './sample-events.ts';

/** The parts of message-db in the order of its `install.sh`. */
const parts: readonly (readonly string[])[] = [
  ['roles/message-store.sql'],
  ['schema/message-store.sql'],
  ['extensions/pgcrypto.sql'],
  ['tables/messages.sql'],
  [
    'types/message.sql',
    ...[
      'message-store-version',
      'hash-64',
      'acquire-lock',
      'category',
      'is-category',
      'id',
      'stream-version',
      'write-message',
      'get-stream-messages',
      'get-category-messages',
      'get-last-stream-message',
    ].map((name) => `functions/${name}.sql`),
  ],
  ['indexes/messages-id.sql', 'indexes/messages-stream.sql', 'indexes/messages-category.sql'],
];

/** Messages a stream gets before its caller turns to another, as in `appendLoad`. */
const messagesPerStream = 10;

/**
 * message-db (the SQL of `@eventide/message-db`) on a database of its own, written to by its own function with the
 * optimistic check, as a prepared statement. Its lock is one a category: streams spread over `categories` of them.
 */
export async function openMessageDb(
  bench: Bench,
  { categories, connections }: { categories: number; connections: number },
): Promise<{ load(callers: number, durationMs: number): Promise<Sample>; close(): Promise<void> }> {
  const folder = join(await bench.peerFolder('@eventide/message-db'), 'database');
  // As the role's own `search_path` has it after an installation.
  const pool = plainPool(await bench.emptyDatabase(), connections, '-c search_path=message_store,public');
  for (const file of parts.flat()) await pool.query(await readFile(join(folder, file), 'utf8'));
  const data = JSON.stringify(sampleForm().data);
  const metadata = JSON.stringify(sampleForm().metadata);
  const free: { stream: string; version: number }[] = [];
  let streams = 0;
  let acknowledged = 0;
  return {
    load: async (callers, durationMs) => {
      const { calls, perSecond, latenciesMs } = await concurrently(callers, durationMs, async () => {
        const own = free.pop() ?? {
          stream: `product${String((streams += 1) % categories)}-${randomUUID()}`,
          version: -1,
        };
        const { rows } = await pool.query<{ version: string }>({
          name: 'write-message',
          text: `select write_message($1, $2, $3, $4, $5, $6) as version`,
          values: [randomUUID(), own.stream, 'PriceObserved', data, metadata, own.version],
        });
        const version = Number(rows[0]?.version);
        if (version < messagesPerStream - 1) free.push({ stream: own.stream, version });
      });
      acknowledged += calls;
      const stored = await countRows(pool, 'message_store.messages');
      if (stored !== acknowledged) throw new Error(`message-db has ${String(stored)} rows.`);
      return { figure: perSecond, latenciesMs };
    },
    close: () => pool.end(),
  };
}
