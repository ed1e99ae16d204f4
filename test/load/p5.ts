import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { appendLoad } from './append-load.ts';
import type { Bar } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import { openDcb } from './dcb-peer.ts';
import { openEmmett } from './emmett-peer.ts';
import { concurrently, type Runner } from './measure.ts';
import { rawInsert } from './raw-insert.ts';

const callers = 8;
const perAppend = 100;
const durationMs = 2_000;

export const bar: Bar = {
  name: 'p5',
  title: `Appends of ${String(perAppend)} events by ${String(callers)} callers, beside bare inserts and other event stores.`,
  pairs: 7,
  prepare: async (bench) => {
    // One for each contest, since a log that has grown for another one is slower.
    const stores = [await bench.database(), await bench.database(), await bench.database()].map(
      openBenchStore,
    );
    const insert = rawInsert(await bench.database({ poolSize: callers }));
    const emmett = await openEmmett(bench);
    const dcb = await openDcb(bench, { connections: callers });
    const subjectOn = (store: EventStore | undefined): Runner => {
      if (store === undefined) throw new Error('There is no store.');
      return {
        name: `append of ${String(perAppend)} events, ${String(callers)} callers`,
        unit: 'events/s',
        run: () => appendLoad(store, callers, durationMs, perAppend),
      };
    };
    return {
      contests: [
        {
          subject: subjectOn(stores[0]),
          anchor: {
            name: `raw unnest insert of ${String(perAppend)} rows, ${String(callers)} connections`,
            unit: 'events/s',
            run: async () => {
              const { perSecond } = await concurrently(callers, durationMs, () => insert(perAppend));
              return { figure: perSecond * perAppend };
            },
          },
          gate: 0.7,
          goal: 0.85,
        },
        {
          subject: subjectOn(stores[1]),
          anchor: {
            name: `Emmett appendToStream of ${String(perAppend)}, ${String(callers)} callers`,
            unit: 'events/s',
            run: () => emmett.load(callers, durationMs, perAppend),
          },
          gate: 1.3,
          goal: 2,
        },
        {
          subject: subjectOn(stores[2]),
          anchor: {
            name: `dcb-es append of ${String(perAppend)} without condition, ${String(callers)} callers`,
            unit: 'events/s',
            run: () => dcb.load(callers, durationMs, perAppend),
          },
          gate: 0.8,
          goal: 1.2,
        },
      ],
      close: async () => {
        for (const store of stores) await store.close();
        await emmett.close();
        await dcb.close();
      },
    };
  },
};
