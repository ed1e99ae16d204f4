/** The topics and the registry that a running system has by its environment, for tests that look into them. */
import { loadConfig } from '@daybook/infra/config/load.ts';
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import type { Database } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { openRegistry } from '@daybook/infra/registry/open-registry.ts';
import { kafkaTopics } from '@daybook/infra/topics/kafka-topics.ts';
import { kafkaSettings } from '@daybook/infra/topics/open-topics.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { silentLog } from './silent-log.ts';

/** Of a system's environment, what names its engines; without them both are in its database. */
export type EnginesEnv = Readonly<Record<string, string>>;

const settings = daybookSettings.pick({ kafka: true, registry: true });

/** The topics of a system, without the upkeep that is its own. */
export function topicsOf(database: Database, env: EnginesEnv = {}): Topics {
  const { kafka } = loadConfig(settings, env);
  const shared = { database, wakeups: memoryWakeups(), log: silentLog };
  return kafka.brokers.length === 0
    ? postgresTopics({ ...shared, retention: { everyMs: 0 } })
    : kafkaTopics({ ...shared, settings: kafkaSettings(kafka), name: 'test' });
}

export function registryOf(database: Database, env: EnginesEnv = {}): Promise<SchemaRegistry> {
  return openRegistry(loadConfig(settings, env).registry, database);
}
