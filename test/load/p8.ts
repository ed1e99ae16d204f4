import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import type { Bar } from './bar.ts';
import { openBenchStore } from './bench-store.ts';
import { openDcb } from './dcb-peer.ts';
import { openEmmett } from './emmett-peer.ts';
import { fillStore, readThrough } from './fill-store.ts';
import { timed } from './measure.ts';

const total = 100_000;
/** A consumer that stores a checkpoint an event takes minutes for more. */
const consumed = 10_000;
/** Emmett's own is 100; this is its best. */
const batchSize = 1_000;

export const bar: Bar = {
  name: 'p8',
  title: `Catching up with ${String(total)} events, beside other event stores on the same PostgreSQL.`,
  prepare: async (bench) => {
    const database = await bench.database();
    const store = contractStore(openBenchStore(database), memoryVault());
    const emmett = await openEmmett(bench);
    const dcb = await openDcb(bench, { connections: 2 });
    await fillStore(store, total);
    await emmett.fill(consumed);
    await dcb.fill(total);
    await database.pool.query('vacuum (analyze)');
    const subject = {
      name: 'readAll of the event store',
      unit: 'events/s',
      run: () => timed(total, () => readThrough(store)),
    };
    return {
      contests: [
        {
          subject,
          anchor: {
            name: `Emmett 0.42 consumer with a reactor, batches of ${String(batchSize)}, no pause between pulls`,
            unit: 'events/s',
            run: () => timed(consumed, () => emmett.consume(batchSize)),
          },
          gate: 10,
          goal: 40,
        },
        {
          subject,
          anchor: {
            name: 'dcb-es 7.0 read of everything',
            unit: 'events/s',
            run: () => timed(total, () => dcb.readThrough()),
          },
          gate: 0.8,
          goal: 1.2,
        },
      ],
      close: async () => {
        await store.close();
        await emmett.close();
        await dcb.close();
      },
    };
  },
};
