import { randomUUID } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { from as copyFrom } from 'pg-copy-streams';
import type { Database } from '@daybook/infra/database/database.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { ensureCheckpoints, projectionConsumer } from '@daybook/infra/runtime/checkpoints.ts';
import { projectFromStore } from '@daybook/infra/runtime/project-from-store.ts';
import { ensureReadModel } from '@daybook/infra/runtime/read-models.ts';
import { tableName } from '@daybook/infra/runtime/sql-names.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { beginning, type NewEvent } from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { prices } from '@daybook/projectors/market/prices.ts';
import { products } from '@daybook/projectors/market/products.ts';
import type { Bar } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import { readThrough } from './fill-store.ts';
import { timed } from './measure.ts';
import { sampleForm } from './sample-events.ts';

const productCount = 1_000;
const pricesEach = 100;
const total = productCount * (pricesEach + 1);
const partitions = 8;

export const bar: Bar = {
  name: 'p9',
  title: `Rebuilding a read model from ${String(total)} events: decoded, folded, written with their checkpoint.`,
  prepare: async (bench) => {
    const database = await bench.database();
    const store = contractStore(openBenchStore(database), memoryVault());
    await fill(store);
    await rebuild(store, database, prices);
    const copied = await copyOf(database, prices);
    await database.pool.query('vacuum (analyze)');
    const catchUp = {
      name: 'catch-up read of the same events (P7)',
      unit: 'events/s',
      run: () => timed(total, () => readThrough(store)),
    };
    const subject = (projection: AnyProjection, rows: string) => ({
      name: `rebuild of ${projection.name}, ${rows}`,
      unit: 'events/s',
      run: () => timed(total, () => rebuild(store, database, projection)),
    });
    return {
      contests: [
        {
          subject: subject(products, `${String(productCount)} rows`),
          anchor: catchUp,
          gate: 0.4,
          goal: 0.7,
        },
        {
          subject: subject(prices, 'a row an event'),
          anchor: {
            name: 'COPY of the same rows into the same table',
            unit: 'rows/s',
            run: () => timed(total - productCount, () => copy(database, prices, copied)),
          },
          gate: 0.2,
          goal: 0.4,
        },
      ],
      close: () => store.close(),
    };
  },
};

/** Products that are tracked and then priced in turn, as checks by schedule come in. */
async function fill(store: EventStore): Promise<void> {
  const { data, metadata } = sampleForm();
  const ids = Array.from({ length: productCount }, () => randomUUID());
  const tracked = {
    url: 'https://shop.example/espresso-machine',
    host: 'shop.example',
    name: 'Espresso machine',
    source: 'page',
    tags: ['kitchen'],
    group: null,
    schedule: { cron: '0 6 * * *', timeZone: 'Europe/Berlin' },
  };
  const append = (productId: string, events: readonly { type: string; version: number; data: object }[]) =>
    store.append(
      `product-${productId}`,
      'any',
      events.map(({ type, version, data: own }) => ({
        type,
        data: { ...own, productId },
        id: randomUUID(),
        metadata: { ...metadata, schemaVersion: version },
      })) as unknown as NonEmpty<NewEvent>,
    );
  await Promise.all(ids.map((id) => append(id, [{ type: 'ProductTracked', version: 1, data: tracked }])));
  for (let round = 0; round < pricesEach / 5; round += 1) {
    await Promise.all(
      ids.map((id) =>
        append(
          id,
          Array.from({ length: 5 }, () => ({
            type: 'PriceObserved',
            version: 2,
            data: { ...data, observationId: randomUUID() },
          })),
        ),
      ),
    );
  }
}

async function rebuild(store: EventStore, database: Database, projection: AnyProjection): Promise<number> {
  await emptied(database, projection);
  return projectFromStore({
    projection,
    eventStore: store,
    database,
    partitionOf: () => 0,
    signal: new AbortController().signal,
  });
}

async function emptied(database: Database, projection: AnyProjection): Promise<void> {
  const consumer = projectionConsumer(projection);
  await database.pool.query(`drop table if exists ${tableName(projection)}`);
  await database.pool.query('delete from runtime.checkpoints where consumer = $1', [consumer.name]);
  await ensureReadModel(database, projection);
  await ensureCheckpoints(database.pool, consumer, partitions, beginning);
}

/** The rows of a read model in COPY's text format. */
async function copyOf(database: Database, projection: AnyProjection): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ line: string }>(
    `select array_to_string(array(select coalesce(value, '\\N') from json_each_text(row_to_json(t))), E'\\t') as line
     from ${tableName(projection)} t`,
  );
  return rows.map(({ line }) => `${line}\n`);
}

async function copy(
  database: Database,
  projection: AnyProjection,
  lines: readonly string[],
): Promise<number> {
  await emptied(database, projection);
  const client = await database.pool.connect();
  try {
    const chunks: string[] = [];
    for (let at = 0; at < lines.length; at += 1_000) chunks.push(lines.slice(at, at + 1_000).join(''));
    await pipeline(Readable.from(chunks), client.query(copyFrom(`copy ${tableName(projection)} from stdin`)));
  } finally {
    client.release();
  }
  return lines.length;
}
