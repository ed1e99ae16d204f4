import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import type { Database } from '@daybook/infra/database/database.ts';
import type { NewEvent } from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import type { Bar } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import type { Sample } from './measure.ts';
import { sampleEvent } from './sample-events.ts';

const total = 100_000;
const perAppend = 100;
const rowsPerFetch = 500;

export const bar: Bar = {
  name: 'p7',
  title: 'Catching up with 100,000 events: decoded, brought to their current schema, in order.',
  pairs: 9,
  prepare: async (bench) => {
    const database = await bench.database();
    const store = contractStore(openBenchStore(database), memoryVault());
    await fill(store);
    return {
      contests: [
        {
          subject: {
            name: 'readAll of the event store',
            unit: 'events/s',
            run: () => rate(() => readThrough(store)),
          },
          anchor: {
            name: 'cursor over the same rows, 500 a fetch, values as the driver gives them',
            unit: 'events/s',
            run: () => rate(() => fetchThrough(database)),
          },
          gate: 0.5,
          goal: 0.7,
        },
      ],
      close: () => store.close(),
    };
  },
};

async function fill(store: EventStore): Promise<void> {
  for (let n = 0; n < total / perAppend; n += 10) {
    await Promise.all(
      Array.from({ length: 10 }, (_, k) =>
        store.append(
          `product-${String(n + k)}`,
          'no-stream',
          Array.from({ length: perAppend }, sampleEvent) as unknown as NonEmpty<NewEvent>,
        ),
      ),
    );
  }
}

async function rate(read: () => Promise<number>): Promise<Sample> {
  const start = performance.now();
  const events = await read();
  if (events !== total) throw new Error(`Read ${String(events)} of ${String(total)} events.`);
  return { figure: (events / (performance.now() - start)) * 1000 };
}

async function readThrough(store: EventStore): Promise<number> {
  let count = 0;
  for await (const page of store.readAll()) count += page.length;
  return count;
}

async function fetchThrough(database: Database): Promise<number> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query(
      `declare catch_up no scroll cursor for
         select position, revision, recorded_at, id, stream, type, data, metadata from log.events order by position`,
    );
    let count = 0;
    for (;;) {
      const { rows } = await client.query(`fetch ${String(rowsPerFetch)} from catch_up`);
      if (rows.length === 0) break;
      count += rows.length;
    }
    await client.query('commit');
    return count;
  } finally {
    client.release();
  }
}
