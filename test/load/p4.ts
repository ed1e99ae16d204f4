import { appendLoad } from './append-load.ts';
import type { Bar } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import { concurrently } from './measure.ts';
import { rawInsert } from './raw-insert.ts';

const durationMs = 2_000;

export const bar: Bar = {
  name: 'p4',
  title: 'One caller, one event after the other: what order, check and idempotency cost without grouping.',
  pairs: 9,
  prepare: async (bench) => {
    const store = openBenchStore(await bench.database());
    const insert = rawInsert(await bench.database({ poolSize: 1 }));
    return {
      contests: [
        {
          subject: {
            name: 'append of one event, one caller',
            unit: 'events/s',
            run: () => appendLoad(store, 1, durationMs),
          },
          anchor: {
            name: 'raw insert of one row, one connection',
            unit: 'events/s',
            run: async () => ({ figure: (await concurrently(1, durationMs, () => insert(1))).perSecond }),
          },
          gate: 0.6,
          goal: 0.8,
        },
      ],
      close: () => store.close(),
    };
  },
};
