import { appendLoad } from './append-load.ts';
import type { Bar } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import { openDcb } from './dcb-peer.ts';
import { openMessageDb } from './message-db-peer.ts';

const callers = 32;
const durationMs = 2_000;
const categories = 64;
/** Measured best of 8, 16, 32 and 64 for both peers. */
const connections = 32;

export const bar: Bar = {
  name: 'p3',
  title: 'Single-event appends by 32 callers, beside message-db and dcb-es on the same PostgreSQL.',
  pairs: 7,
  prepare: async (bench) => {
    const store = openBenchStore(await bench.database());
    const messageDb = await openMessageDb(bench, { categories, connections });
    const dcb = await openDcb(bench, { connections });
    const subject = {
      name: 'append of one event, 32 callers',
      unit: 'events/s',
      run: () => appendLoad(store, callers, durationMs),
    };
    return {
      contests: [
        {
          subject,
          anchor: {
            name: `message-db write_message, 32 callers, ${String(categories)} categories`,
            unit: 'events/s',
            run: () => messageDb.load(callers, durationMs),
          },
          gate: 2,
          goal: 3,
        },
        {
          subject,
          anchor: {
            name: 'dcb-es append without condition, 32 callers',
            unit: 'events/s',
            run: () => dcb.load(callers, durationMs),
          },
          gate: 4,
          goal: 7,
        },
      ],
      close: async () => {
        await store.close();
        await messageDb.close();
        await dcb.close();
      },
    };
  },
};
