import { randomUUID } from 'node:crypto';
import type { Bench } from './bar.ts';
import { concurrently, type Sample } from './measure.ts';
import { sampleForm } from './sample-events.ts';

type EmmettEvent = Readonly<{ type: string; data: object; metadata?: object }>;

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

type EmmettPackage = Readonly<{ getPostgreSQLEventStore(url: string): EmmettStore }>;

/** Events a stream gets before its caller turns to another, as in `appendLoad`. */
const eventsPerStream = 10;

/** Emmett's event store on a database of its own, with its defaults. */
export async function openEmmett(
  bench: Bench,
): Promise<{ load(callers: number, durationMs: number): Promise<Sample>; close(): Promise<void> }> {
  const emmett = await bench.peer<EmmettPackage>('@event-driven-io/emmett-postgresql');
  const store = emmett.getPostgreSQLEventStore(await bench.emptyDatabase());
  await store.schema.migrate();
  const free: { stream: string; version: bigint }[] = [];
  return {
    load: async (callers, durationMs) => {
      const { perSecond, latenciesMs } = await concurrently(callers, durationMs, async () => {
        const own = free.pop();
        const stream = own?.stream ?? `product-${randomUUID()}`;
        const { nextExpectedStreamVersion: version } = await store.appendToStream(
          stream,
          [{ type: 'PriceObserved', ...sampleForm() }],
          { expectedStreamVersion: own?.version ?? 'STREAM_DOES_NOT_EXIST' },
        );
        if (version < BigInt(eventsPerStream)) free.push({ stream, version });
      });
      return { figure: perSecond, latenciesMs };
    },
    close: () => store.close(),
  };
}
