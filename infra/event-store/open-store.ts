import { DaybookError } from '@daybook/kernel/errors.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { DaybookConfig } from '../config/settings.ts';
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

/** For what works on the tables of log and topics. @throws `maintenance-refused` where one of them is elsewhere */
export function expectInDatabase(
  { eventStore, kafka }: Pick<DaybookConfig, 'eventStore' | 'kafka'>,
  what: string,
): void {
  const elsewhere = [
    ...(eventStore.url === undefined ? [] : ['EVENTSTORE_URL']),
    ...(kafka.brokers.length === 0 ? [] : ['KAFKA_BROKERS']),
  ];
  if (elsewhere.length === 0) return;
  throw new DaybookError(
    'maintenance-refused',
    `${what} works on log and topics in PostgreSQL, and ${elsewhere.join(' and ')} ${elsewhere.length === 1 ? 'names' : 'name'} others. Use the backups of those engines; read models are folded anew from the log by "daybook rebuild".`,
  );
}
