import { randomUUID } from 'node:crypto';
import type { Bench } from './bar.ts';
import { countRows, plainPool } from './bench-database.ts';
import { concurrently, type Sample } from './measure.ts';
import { sampleForm } from './sample-events.ts';

type EmmettEvent = Readonly<{ type: string; data: object; metadata?: object }>;

type EmmettConsumer = Readonly<{
  reactor(options: {
    processorId: string;
    startFrom: 'BEGINNING';
    eachMessage: (message: EmmettEvent) => Promise<void>;
  }): unknown;
  start(): Promise<void>;
  close(): Promise<void>;
}>;

/** As much of `@event-driven-io/emmett-postgresql` as the benches use: it is not installed where types are checked. */
type EmmettStore = Readonly<{
  schema: { migrate(): Promise<unknown> };
  appendToStream(
    stream: string,
    events: EmmettEvent[],
    options: { expectedStreamVersion: bigint | 'STREAM_DOES_NOT_EXIST' },
  ): Promise<{ nextExpectedStreamVersion: bigint }>;
  close(): Promise<void>;
}>;

type EmmettPackage = Readonly<{
  getPostgreSQLEventStore(url: string): EmmettStore;
  postgreSQLEventStoreConsumer(options: {
    connectionString: string;
    stopWhen: { noMessagesLeft: boolean };
    pulling: { batchSize: number; pullingFrequencyInMs: number };
  }): EmmettConsumer;
}>;

/** Appends a stream gets before its caller turns to another, as in `appendLoad`. */
const appendsPerStream = 10;

/** Emmett's event store on a database of its own: what the append bars and P8 need of it. */
export type EmmettPeer = Readonly<{
  /** Appends with an optimistic check. */
  load(callers: number, durationMs: number, perAppend?: number): Promise<Sample>;
  fill(events: number): Promise<void>;
  /** Takes everything in by a consumer with a new name; answers with how many messages there were. */
  consume(batchSize: number): Promise<number>;
  close(): Promise<void>;
}>;

/** Opens the peer, with its defaults. */
export async function openEmmett(bench: Bench): Promise<EmmettPeer> {
  const emmett = await bench.peer<EmmettPackage>('@event-driven-io/emmett-postgresql');
  const url = await bench.emptyDatabase();
  const store = emmett.getPostgreSQLEventStore(url);
  await store.schema.migrate();
  const counter = plainPool(url, 1);
  const free: { stream: string; version: bigint }[] = [];
  let acknowledged = 0;
  const eventsOf = (count: number): EmmettEvent[] =>
    Array.from({ length: count }, () => ({ type: 'PriceObserved', ...sampleForm() }));
  return {
    load: async (callers, durationMs, perAppend = 1) => {
      const { calls, perSecond, latenciesMs } = await concurrently(callers, durationMs, async () => {
        const own = free.pop();
        const stream = own?.stream ?? `product-${randomUUID()}`;
        const { nextExpectedStreamVersion: version } = await store.appendToStream(
          stream,
          eventsOf(perAppend),
          { expectedStreamVersion: own?.version ?? 'STREAM_DOES_NOT_EXIST' },
        );
        if (version < BigInt(appendsPerStream * perAppend)) free.push({ stream, version });
      });
      acknowledged += calls * perAppend;
      const stored = await countRows(counter, 'emt_messages');
      if (stored !== acknowledged) throw new Error(`Emmett has ${String(stored)} messages.`);
      return { figure: perSecond * perAppend, latenciesMs };
    },
    fill: async (events) => {
      for (let n = 0; n < events; n += 100) {
        await store.appendToStream(`product-${randomUUID()}`, eventsOf(100), {
          expectedStreamVersion: 'STREAM_DOES_NOT_EXIST',
        });
      }
      acknowledged += events;
    },
    consume: async (batchSize) => {
      let count = 0;
      const consumer = emmett.postgreSQLEventStoreConsumer({
        connectionString: url,
        stopWhen: { noMessagesLeft: true },
        pulling: { batchSize, pullingFrequencyInMs: 0 },
      });
      consumer.reactor({
        processorId: `bench-${randomUUID()}`,
        startFrom: 'BEGINNING',
        eachMessage: () => {
          count += 1;
          return Promise.resolve();
        },
      });
      await consumer.start();
      await consumer.close();
      return count;
    },
    close: async () => {
      await counter.end();
      await store.close();
    },
  };
}
