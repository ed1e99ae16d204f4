import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import type { Database } from '@daybook/infra/database/database.ts';
import type { Bar } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import { fillStore, readThrough } from './fill-store.ts';
import { timed } from './measure.ts';

const total = 100_000;
const rowsPerFetch = 500;

export const bar: Bar = {
  name: 'p7',
  title: 'Catching up with 100,000 events: decoded, brought to their current schema, in order.',
  pairs: 9,
  prepare: async (bench) => {
    const database = await bench.database();
    const store = contractStore(openBenchStore(database), memoryVault());
    await fillStore(store, total);
    return {
      contests: [
        {
          subject: {
            name: 'readAll of the event store',
            unit: 'events/s',
            run: () => timed(total, () => readThrough(store)),
          },
          anchor: {
            name: 'cursor over the same rows, 500 a fetch, values as the driver gives them',
            unit: 'events/s',
            run: () => timed(total, () => fetchThrough(database)),
          },
          gate: 0.5,
          goal: 0.7,
        },
      ],
      close: () => store.close(),
    };
  },
};

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
