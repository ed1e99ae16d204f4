import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic } from '@daybook/schemas/contracts.ts';
import type { DaybookConfig } from '../config/settings.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { relayInDatabase, relayThroughTopics, type RelayOutput } from '../relay/relay-output.ts';
import type { EngineProbe } from '../engines/engine-watch.ts';
import { formerMessages, removeFormerMessages } from './former-messages.ts';
import type { KafkaSettings } from './kafka-client.ts';
import { postgresTopics } from './postgres-topics.ts';
import { loadRdkafka } from './rdkafka-client.ts';
import type { RetentionPolicy } from './retention.ts';
import { postgresTopicUpkeep, type TopicUpkeep } from './topic-upkeep.ts';
import { expectTopicsAt, homeInDatabase } from './topics-home.ts';

export type OpenTopicsOptions = Readonly<{
  settings: DaybookConfig['kafka'];
  database: Database;
  wakeups: Wakeups;
  log: Log;
  /** Client id at the brokers. */
  name: string;
  /** See `TopicsOptions`. */
  instance?: string;
  /** Of messages in the database. Default: see `postgresTopicEngine`. */
  retention?: Partial<RetentionPolicy>;
}>;

export type OpenTopics = Readonly<{
  topics: Topics;
  relayOutput: RelayOutput;
  /**
   * Makes sure that they are where their groups believe, and makes an end of what a move of the log has left undone there.
   * @throws `configuration-invalid` where they are elsewhere · `unavailable`
   */
  confirm: () => Promise<void>;
  /** Absent where topics are in the database. */
  probe?: EngineProbe;
}>;

/**
 * Topics where the configuration has them, and the relay's way to them: in PostgreSQL one transaction with its checkpoint,
 * to Kafka two steps.
 * @throws `configuration-invalid` for settings that do not go together
 */
export async function openTopics(options: OpenTopicsOptions): Promise<OpenTopics> {
  const { settings, name, ...engine } = options;
  const { database } = engine;
  if (settings.brokers.length === 0) {
    return {
      topics: postgresTopics(engine),
      relayOutput: relayInDatabase({ ...engine, topic: eventsTopic }),
      confirm: () => expectTopicsAt(homeInDatabase, database),
    };
  }
  // Its client takes time and memory to load, which nobody else should pay.
  const [{ kafkaClusterId, kafkaTopics }, { kafkaProbe }] = await Promise.all([
    import('./kafka-topics.ts'),
    import('./kafka-probe.ts'),
  ]);
  const kafka = kafkaSettings(settings);
  const topics = kafkaTopics({ ...engine, settings: kafka, name });
  return {
    topics,
    probe: kafkaProbe(kafka, name, engine.log),
    relayOutput: relayThroughTopics({ ...engine, topics, topic: eventsTopic }),
    confirm: async () => {
      await expectTopicsAt(await kafkaClusterId(kafka, name, engine.log), database);
      if ((await formerMessages(database)).size === 0) return;
      const upkeep = await openTopicUpkeep({ settings, name, database, log: engine.log, topics });
      try {
        await removeFormerMessages(database, upkeep);
      } finally {
        await upkeep.close();
      }
    },
  };
}

/** What commands do to topics where the configuration has them. */
export async function openTopicUpkeep({
  settings,
  name,
  database,
  log,
  topics,
}: Pick<OpenTopicsOptions, 'settings' | 'name' | 'database' | 'log'> &
  Pick<OpenTopics, 'topics'>): Promise<TopicUpkeep> {
  if (settings.brokers.length === 0) return postgresTopicUpkeep(database, topics);
  const { kafkaTopicUpkeep } = await import('./kafka-upkeep.ts');
  return kafkaTopicUpkeep({ settings: kafkaSettings(settings), name, database, log });
}

/** @throws `configuration-invalid` for settings that do not go together, and for a driver that is not there */
export function kafkaSettings({
  brokers,
  driver,
  tls,
  ca,
  mechanism,
  username,
  password,
}: DaybookConfig['kafka']): KafkaSettings {
  if ((username === undefined) !== (password === undefined)) {
    throw new DaybookError(
      'configuration-invalid',
      'KAFKA_USERNAME and KAFKA_PASSWORD go together: one is missing. Set both, or neither.',
    );
  }
  if (driver === 'rdkafka') loadRdkafka();
  return {
    brokers,
    driver,
    ...(tls || ca !== undefined ? { tls: ca === undefined ? {} : { ca } } : {}),
    ...(username === undefined || password === undefined ? {} : { sasl: { mechanism, username, password } }),
  };
}

/** @throws `configuration-invalid` for engines that do not go together */
export function expectRegistryBeside({ kafka, registry }: Pick<DaybookConfig, 'kafka' | 'registry'>): void {
  if (kafka.brokers.length === 0 || registry.url !== undefined) return;
  throw new DaybookError(
    'configuration-invalid',
    'KAFKA_BROKERS is given without SCHEMA_REGISTRY_URL: whoever reads the topics by clients of their own needs their schemas. Name a registry with Confluent’s API, or leave the topics in PostgreSQL.',
  );
}
