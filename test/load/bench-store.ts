import type { Database } from '@daybook/infra/database/database.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { silentLog } from '../support/silent-log.ts';

/** A PostgreSQL event store as the platform opens it, wake-ups over NOTIFY included. `close` closes both. */
export function openBenchStore(database: Database): EventStore {
  const wakeups = postgresWakeups(database, silentLog);
  const store = postgresEventStore({ database, wakeups, log: silentLog });
  return {
    ...store,
    close: async () => {
      await store.close();
      await wakeups.close();
    },
  };
}
