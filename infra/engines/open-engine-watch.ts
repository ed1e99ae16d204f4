import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { DaybookConfig } from '../config/settings.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { watchEngines, type EngineProbe, type EngineWatch } from './engine-watch.ts';

/** Watches over the engines that the configuration names. */
export async function openEngineWatch({
  config: { eventStore: log, registry },
  database: { pool },
  eventStore,
  kafka,
}: Readonly<{
  config: Pick<DaybookConfig, 'eventStore' | 'registry'>;
  database: Pick<Database, 'pool'>;
  eventStore: Pick<EventStore, 'head'>;
  kafka: EngineProbe | undefined;
}>): Promise<EngineWatch> {
  const postgresql: EngineProbe = {
    name: 'PostgreSQL',
    look: () =>
      pool.query('select 1').catch((error: unknown) => {
        throw translateDatabaseError(error);
      }),
    close: nothing,
  };
  const eventStoreDb: EngineProbe = { name: 'EventStoreDB', look: () => eventStore.head(), close: nothing };
  const schemaRegistry =
    registry.url === undefined
      ? undefined
      : (await import('../registry/registry-probe.ts')).registryProbe(registry.url);
  return watchEngines({
    needed: { postgresql, ...(log.url === undefined ? {} : { eventStoreDb }) },
    awaited: {
      ...(kafka === undefined ? {} : { kafka }),
      ...(schemaRegistry === undefined ? {} : { schemaRegistry }),
    },
    ...(kafka === undefined ? {} : { topics: 'kafka' }),
  });
}

const nothing = (): Promise<void> => Promise.resolve();
