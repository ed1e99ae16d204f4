import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { freshDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { registerContract } from './contract.ts';
import { holdTransactionOf } from './held-transaction.ts';
import { eventStoreClauses } from './event-store.contract.ts';

registerContract('event store', 'postgres', eventStoreClauses, async () => {
  const { database, drop } = await freshDatabase();
  const wakeups = postgresWakeups(database, silentLog);
  const stores: EventStore[] = [];
  const another = (): EventStore => {
    const store = postgresEventStore({ database, wakeups, log: silentLog });
    stores.push(store);
    return store;
  };
  return {
    port: {
      store: another(),
      another,
      // Takes a transaction id and a snapshot: the two things that hold other orders of a log up.
      holdTransaction: holdTransactionOf(database, 'select pg_current_xact_id(), count(*) from log.events'),
    },
    close: async () => {
      await Promise.all(stores.map((store) => store.close()));
      await wakeups.close();
      await drop();
    },
  };
});
