/**
 * A process of its own with a cache and snapshots of its own, for a spec: executes the commands it is sent, many at once,
 * on the database it is told of.
 */
import { openDatabase } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { postgresEventStore } from '../event-store/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { deliveryOf, open, spend } from './command-bus.fixture.ts';
import { keepingBus } from './kept-states.fixture.ts';
import { postgresSnapshots } from './snapshots.ts';

/** A command for a process: to open an account, or to spend of it. */
export type Order = Readonly<{ commandId: string; account: string; opens: boolean; amount: number }>;

const log = silentLog;
const database = openDatabase({ url: process.argv[2] ?? '', poolSize: 4, log });
const store = postgresEventStore({ database, wakeups: memoryWakeups(), log });
const snapshots = postgresSnapshots({ database, fingerprintOf: () => 'fold', everyEvents: 10, log });
const bus = keepingBus(store, { snapshots, log, limits: { maxStreams: 2 } });

process.on('message', (orders: readonly Order[]) => {
  void Promise.all(
    orders.map(({ commandId, account, opens, amount }) =>
      bus.execute(opens ? open : spend, { id: account, amount }, deliveryOf(commandId)),
    ),
  ).then((answers) => process.send?.(answers));
});
process.once('disconnect', () => {
  void snapshots
    .close()
    .then(() => store.close())
    .then(() => database.close());
});
process.send?.('ready');
