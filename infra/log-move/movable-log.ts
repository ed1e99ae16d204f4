import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { importEvents, type ImportedEvent } from '../event-store/import-events.ts';
import { postgresEventStore } from '../event-store/postgres.ts';

/** Where a log is: in the database of an installation, or in an EventStoreDB. */
export type LogPlace = Readonly<{ kind: 'database' } | { kind: 'eventStoreDb'; url: string }>;

/** A log as a move has it: read as it is stored, and filled from its end on. */
export type MovableLog = Readonly<{
  store: EventStore;
  /** @throws `maintenance-refused` where a log that is written there would not be whole */
  expectUndamaged(): Promise<void>;
  /** Adds events of another log in their order, with ids, revisions and times; what was added stays, whatever fails. */
  take(pages: AsyncIterable<readonly ImportedEvent[]>, onProgress: (events: number) => void): Promise<void>;
  close(): Promise<void>;
}>;

export type OpenMovableLogOptions = Readonly<{
  database: Database;
  /** Shown in the logs of an EventStoreDB. */
  name: string;
  log: Log;
}>;

/** Opens a log for a move. @throws `configuration-invalid` */
export async function openMovableLog(
  place: LogPlace,
  { database, name, log }: OpenMovableLogOptions,
): Promise<MovableLog> {
  if (place.kind === 'database') return inDatabase(database, log);
  // Its client takes time and memory to load, which nobody else should pay.
  const { eventStoreDb } = await import('../event-store/event-store-db/event-store-db.ts');
  const { moveIntoEventStoreDb } = await import('../event-store/event-store-db/move-in.ts');
  const store = eventStoreDb({ url: place.url, name });
  const { expectNothingDeleted, take, close } = moveIntoEventStoreDb({ url: place.url, name });
  return {
    store,
    expectUndamaged: expectNothingDeleted,
    take,
    close: async () => {
      await Promise.all([store.close(), close()]);
    },
  };
}

/** Events of one transaction: few enough that progress is told now and then. */
const batchSize = 5_000;

function inDatabase(database: Database, log: Log): MovableLog {
  const wakeups = memoryWakeups();
  const store = postgresEventStore({ database, wakeups, log });
  return {
    store,
    expectUndamaged: () => Promise.resolve(),
    take: async (events, onProgress) => {
      let before = 0;
      await importEvents({
        database,
        wakeups,
        events,
        batchSize,
        onProgress: (imported) => {
          onProgress(imported - before);
          before = imported;
        },
      });
    },
    close: () => store.close(),
  };
}
