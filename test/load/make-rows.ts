import type { Database } from '@daybook/infra/database/database.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { plainPool } from './bench-database.ts';
import { sampleForm } from './sample-events.ts';

/** Rows made by one statement. */
const rowsPerStatement = 500_000;

/**
 * Fills an empty log with prices without the event store, as fast as the server makes rows: `perStream` events a stream,
 * one stream after the other, each of a product of its own, positions from 1. The indexes are built once the rows are there. The background's vacuum
 * stays away from the table from here on, so that it cannot fall into one run and not into another.
 */
export async function makeLog(
  database: Database,
  total: number,
  perStream: number,
  print: (line: string) => void,
): Promise<void> {
  const { data, metadata } = sampleForm();
  const pool = plainPool(database.url, 1, '-c synchronous_commit=off -c maintenance_work_mem=512MB');
  const client = await pool.connect();
  const start = performance.now();
  try {
    await client.query('alter table log.events set (autovacuum_enabled = off)');
    const { rows: indexes } = await client.query<{ name: string; definition: string }>(
      `select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
         from pg_index i where i.indrelid = 'log.events'::regclass and not i.indisprimary`,
    );
    for (const { name } of indexes) await client.query(`drop index ${name}`);
    for (let first = 1; first <= total; first += rowsPerStatement) {
      await client.query(
        `insert into log.events (position, recorded_at, id, revision, stream, type, data, metadata)
         select n, clock_timestamp(), gen_random_uuid(), (n - 1) % $3::integer,
                'product-' || md5(((n - 1) / $3::integer)::text)::uuid, 'PriceObserved',
                replace($4, $6, md5(((n - 1) / $3::integer)::text)::uuid::text)::json, $5::json
           from generate_series($1::bigint, $2::bigint) n`,
        [
          first,
          Math.min(total, first + rowsPerStatement - 1),
          perStream,
          JSON.stringify(data),
          JSON.stringify(metadata),
          data['productId'],
        ],
      );
    }
    for (const { definition } of indexes) await client.query(definition);
    await client.query('analyze log.events');
    await client.query('checkpoint');
  } finally {
    client.release();
    await pool.end();
  }
  print(`  ${String(total)} rows made in ${((performance.now() - start) / 1_000).toFixed(0)} s`);
}

/**
 * Fills an empty topic with copies of one message, in turn over its partitions, without publishing them. They differ in
 * their offsets alone.
 */
export async function makeBacklog(
  database: Database,
  topic: string,
  message: OutMessage,
  total: number,
  print: (line: string) => void,
): Promise<void> {
  const pool = plainPool(database.url, 1, '-c synchronous_commit=off');
  const start = performance.now();
  try {
    for (let first = 0; first < total; first += rowsPerStatement) {
      await pool.query(
        `insert into topics.messages (topic_id, partition, "offset", published_at, key, headers, value)
         select t.topic_id, n % t.partitions, n / t.partitions, clock_timestamp(), $3, $4, $5
           from topics.topics t, generate_series($1::bigint, $2::bigint) n where t.name = $6`,
        [
          first,
          Math.min(total, first + rowsPerStatement) - 1,
          message.key,
          JSON.stringify(message.headers),
          message.value,
          topic,
        ],
      );
    }
    await pool.query(
      `update topics.partitions p set end_offset = $2::bigint / t.partitions
         from topics.topics t where t.name = $1 and p.topic_id = t.topic_id`,
      [topic, total],
    );
    await pool.query('vacuum (analyze) topics.messages');
    await pool.query('checkpoint');
  } finally {
    await pool.end();
  }
  print(`  ${String(total)} messages made in ${((performance.now() - start) / 1_000).toFixed(0)} s`);
}
