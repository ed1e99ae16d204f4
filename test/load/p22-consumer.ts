/**
 * The process that p22 weighs: consumes for a time, then says how much it read and how much memory it took at most. Where
 * it reaches the end before that, another consumer begins anew in it.
 * Arguments: the database's URL, `log` or the name of a topic, a name that no consumer had before, the time in ms, and how
 * many events there are.
 */
import { openDatabase } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { runProjector } from '@daybook/infra/runtime/run-projector.ts';
import { tableName } from '@daybook/infra/runtime/sql-names.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { done, type Batch, type Verdict } from '@daybook/kernel/ports/topics.ts';
import { defineProjection } from '@daybook/kernel/projection.ts';
import type { PriceObserved } from '@daybook/schemas/market/events.generated.ts';
import { benchLog } from './bench-log.ts';

export type Weighed = Readonly<{ events: number; megabytes: number }>;

const [url = '', source = '', prefix = '', forMs = '', total = ''] = process.argv.slice(2);
const log = benchLog;
const database = openDatabase({ url, log });
const wakeups = memoryWakeups();
const topics = postgresTopics({ database, wakeups, log });
const codec = makeMessageCodec({ registry: postgresSchemaRegistry(database) });
const overall = AbortSignal.timeout(Number(forMs));
let events = 0;
for (let pass = 1; !overall.aborted; pass += 1) {
  const ended = new AbortController();
  const signal = AbortSignal.any([overall, ended.signal]);
  const end = (): void => {
    ended.abort();
  };
  const name = `${prefix}Pass${String(pass)}`;
  const seen = source === 'log' ? await project(name, signal, end) : await follow(source, name, signal, end);
  if (ended.signal.aborted && seen !== Number(total)) throw new Error(`${String(seen)} events were read.`);
  events += seen;
}
await topics.close();
await database.close();
process.send?.({ events, megabytes: process.resourceUsage().maxRSS / 1_024 } satisfies Weighed);
process.disconnect();

/** A projector that catches up with the log, until it has. Its rows count, so that a lost or doubled event shows. */
async function project(name: string, signal: AbortSignal, end: () => void): Promise<number> {
  const projection = defineProjection<
    Readonly<{ type: 'PriceObserved'; data: PriceObserved }>,
    Readonly<{ productId: string; prices: number }>,
    'productId'
  >({
    name,
    version: 1,
    table: {
      columns: { productId: { type: 'text' }, prices: { type: 'integer' } },
      key: ['productId'],
    },
    handles: ['PriceObserved'],
    keys: ({ data: { productId } }) => [{ productId }],
    origin: ({ productId }) => ({ streams: [`product-${productId}`] }),
    evolve: (row, { data: { productId } }) => ({ productId, prices: (row?.prices ?? 0) + 1 }),
  });
  const eventStore = contractStore(postgresEventStore({ database, wakeups, log }), memoryVault());
  await runProjector({ projection, topics, eventStore, codec, database, wakeups, log, signal, onReady: end });
  await eventStore.close();
  const { rows } = await database.pool.query<{ events: number; most: number; short: number }>(
    `select coalesce(sum(prices), 0)::bigint as events, max(prices) as most,
            count(*) filter (where prices < (select max(prices) from ${tableName(projection)}))::integer as short
       from ${tableName(projection)}`,
  );
  const [counted] = rows;
  // Products come one after the other: all but the last are whole.
  if (counted === undefined || counted.short > 1 || counted.most > 10_000)
    throw new Error('Events were lost.');
  return counted.events;
}

/** A member of a group that reads its messages, decodes them, and does nothing with them. */
async function follow(topic: string, name: string, signal: AbortSignal, end: () => void): Promise<number> {
  const expected = new Map<number, number>();
  let seen = 0;
  const handler = async ({ partition, messages }: Batch): Promise<Verdict> => {
    for (const message of messages) {
      if (message.offset !== (expected.get(partition) ?? 0)) throw new Error('Messages were lost.');
      expected.set(partition, message.offset + 1);
      await codec.decode(message);
    }
    seen += messages.length;
    if (seen === Number(total)) end();
    return done;
  };
  await topics.run(topic, name, handler, { signal });
  return seen;
}
