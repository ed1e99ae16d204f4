import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Bench } from './bar.ts';
import { countRows, plainPool } from './bench-database.ts';
import { concurrently, type Sample } from './measure.ts';
import { sampleForm } from './sample-events.ts';

type DcbEvent = Readonly<{ type: string; tags: object; data: object; metadata: object }>;

/** As much of `@dcb-es/event-store` and its PostgreSQL adapter as the benches use. */
type DcbStore = Readonly<{
  ensureInstalled(): Promise<void>;
  append(command: { events: DcbEvent | DcbEvent[] }): Promise<unknown>;
  read(query: object): AsyncIterable<{ event: DcbEvent }>;
}>;
type DcbPackage = Readonly<{
  Query: { all(): object };
  Tags: { fromObj(tags: Readonly<Record<string, string>>): object };
}>;
type DcbPostgresPackage = Readonly<{ PostgresEventStore: new (options: { pool: pg.Pool }) => DcbStore }>;

/** `@dcb-es/event-store-postgres` on a database of its own, with its defaults: what the append bars and P8 need of it. */
export type DcbPeer = Readonly<{
  /** Appends without a condition, each of one stream's events, which are tagged with the stream's id. */
  load(callers: number, durationMs: number, perAppend?: number): Promise<Sample>;
  fill(events: number): Promise<void>;
  /** Reads everything; answers with how many events there were. */
  readThrough(): Promise<number>;
  close(): Promise<void>;
}>;

/** Opens the peer. */
export async function openDcb(bench: Bench, { connections }: { connections: number }): Promise<DcbPeer> {
  const { Query, Tags } = await bench.peer<DcbPackage>('@dcb-es/event-store');
  const { PostgresEventStore } = await bench.peer<DcbPostgresPackage>('@dcb-es/event-store-postgres');
  const pool = plainPool(await bench.emptyDatabase(), connections);
  const store = new PostgresEventStore({ pool });
  await store.ensureInstalled();
  const { data, metadata } = sampleForm();
  const eventsOf = (productId: string, count: number): DcbEvent[] => {
    const tags = Tags.fromObj({ productId });
    return Array.from({ length: count }, () => ({ type: 'PriceObserved', tags, data, metadata }));
  };
  let acknowledged = 0;
  return {
    load: async (callers, durationMs, perAppend = 1) => {
      const { calls, perSecond, latenciesMs } = await concurrently(callers, durationMs, () =>
        store.append({ events: eventsOf(randomUUID(), perAppend) }),
      );
      acknowledged += calls * perAppend;
      const stored = await countRows(pool, 'events');
      if (stored !== acknowledged) throw new Error(`dcb-es has ${String(stored)} rows.`);
      return { figure: perSecond * perAppend, latenciesMs };
    },
    fill: async (events) => {
      for (let n = 0; n < events; n += 1_000) await store.append({ events: eventsOf(randomUUID(), 1_000) });
      acknowledged += events;
    },
    readThrough: async () => {
      let count = 0;
      for await (const { event } of store.read(Query.all())) if (event.type !== '') count += 1;
      return count;
    },
    close: () => pool.end(),
  };
}
