import { DaybookError } from '@daybook/kernel/errors.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { postgresEventStore } from './postgres.ts';

/** Of the configuration. */
export type EventStoreSettings = Readonly<{ url?: string | undefined }>;

export type OpenStoreOptions = Readonly<{
  settings: EventStoreSettings;
  database: Database;
  wakeups: Wakeups;
  log: Log;
  /** Shown in the server's logs. */
  name: string;
  answerLimitMs?: number;
}>;

/** The log that the configuration names: EventStoreDB, or the database of everything else. */
export async function openStore({ settings, name, ...options }: OpenStoreOptions): Promise<EventStore> {
  if (settings.url === undefined) return postgresEventStore(options);
  // Its client takes time and memory to load, which nobody else should pay.
  const { eventStoreDb } = await import('./event-store-db/event-store-db.ts');
  const { answerLimitMs } = options;
  return eventStoreDb({ url: settings.url, name, ...(answerLimitMs === undefined ? {} : { answerLimitMs }) });
}

/** For what works on the log's tables. @throws `maintenance-refused` where the log is elsewhere */
export function expectLogInDatabase({ url }: EventStoreSettings, what: string): void {
  if (url === undefined) return;
  throw new DaybookError(
    'maintenance-refused',
    `${what} works on a log in PostgreSQL, and EVENTSTORE_URL names another. Use the backups of EventStoreDB itself; read models are folded anew from its log by "daybook rebuild".`,
  );
}
