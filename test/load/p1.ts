import { appendLoad } from './append-load.ts';
import type { Bar } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import { concurrently } from './measure.ts';
import { rawInsert } from './raw-insert.ts';

const durationMs = 2_000;
const rowsPerInsert = 100;

export const bar: Bar = {
  name: 'p1',
  title: 'Single-event appends by 128 callers: strict global order, optimistic check, idempotent.',
  pairs: 9,
  prepare: async (bench) => {
    const store = openBenchStore(await bench.database());
    const insert = rawInsert(await bench.database({ poolSize: 4 }));
    return {
      contests: [
        {
          subject: {
            name: 'append of one event, 128 callers',
            unit: 'events/s',
            run: () => appendLoad(store, 128, durationMs),
          },
          anchor: {
            name: 'raw unnest insert of 100 rows, 4 connections',
            unit: 'events/s',
            run: async () => {
              const { perSecond } = await concurrently(4, durationMs, () => insert(rowsPerInsert));
              return { figure: perSecond * rowsPerInsert };
            },
          },
          gate: 0.45,
          goal: 0.6,
          p99Ms: { gate: 20, goal: 12 },
        },
      ],
      close: () => store.close(),
    };
  },
};
