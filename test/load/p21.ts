import { appendLoad } from './append-load.ts';
import type { Bar, Bench } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import { makeLog } from './make-rows.ts';
import type { Sample } from './measure.ts';

const many = 10_000_000;
const few = 100_000;
const perStream = 10;
const callers = 128;
const durationMs = 2_000;
const warmUpMs = 300;

export const bar: Bar = {
  name: 'p21',
  title: `P1 on a log of ${String(many)} events against P1 on one of ${String(few)}.`,
  prepare: async (bench) => {
    const large = await bench.database();
    await makeLog(large, many, perStream, bench.print);
    const store = openBenchStore(large);
    return {
      contests: [
        {
          subject: {
            name: `append of one event, ${String(callers)} callers, behind ${String(many)} events`,
            unit: 'events/s',
            run: () => appendLoad(store, callers, durationMs),
          },
          anchor: {
            name: `the same behind ${String(few)} events`,
            unit: 'events/s',
            run: () => onFew(bench),
          },
          gate: 0.7,
          goal: 0.85,
        },
      ],
      close: () => store.close(),
    };
  },
};

/** A log of its own each time: it would otherwise grow by as much as it holds with every run. */
async function onFew(bench: Bench): Promise<Sample> {
  const small = await bench.database();
  await makeLog(small, few, perStream, () => undefined);
  const store = openBenchStore(small);
  await appendLoad(store, callers, warmUpMs);
  const sample = await appendLoad(store, callers, durationMs);
  await store.close();
  return sample;
}
