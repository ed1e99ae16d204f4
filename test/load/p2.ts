import { appendLoad } from './append-load.ts';
import type { Bar } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import { openEmmett } from './emmett-peer.ts';

const callers = 32;
const durationMs = 2_000;

export const bar: Bar = {
  name: 'p2',
  title: 'Single-event appends by 32 callers, beside another event store on the same PostgreSQL.',
  pairs: 7,
  prepare: async (bench) => {
    const store = openBenchStore(await bench.database());
    const emmett = await openEmmett(bench);
    return {
      contests: [
        {
          subject: {
            name: 'append of one event, 32 callers',
            unit: 'events/s',
            run: () => appendLoad(store, callers, durationMs),
          },
          anchor: {
            name: 'Emmett appendToStream, 32 callers',
            unit: 'events/s',
            run: () => emmett.load(callers, durationMs),
          },
          gate: 4,
          goal: 6,
        },
      ],
      close: async () => {
        await store.close();
        await emmett.close();
      },
    };
  },
};
