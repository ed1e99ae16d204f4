import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { migrate } from '@daybook/infra/database/migrate.ts';
import { expectRegistryBeside, kafkaSettings } from '@daybook/infra/topics/open-topics.ts';
import type { MovedTopics } from '@daybook/infra/topics/move-topics.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { topicContracts } from '@daybook/schemas/topics.ts';
import { exclusiveDatabase, expectOwnData, invocation, logFile, openLog } from '../invocation.ts';
import type { MigrateTopicsOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { writeLines } from '../terminal/printable.ts';

const settings = daybookSettings.pick({
  installation: true,
  database: true,
  kafka: true,
  registry: true,
  telemetry: true,
});

const applicationName = 'daybook migrate-topics';

/** Moves the topics between PostgreSQL and Kafka. */
export async function migrateTopics(options: MigrateTopicsOptions): Promise<ExitCode> {
  expectOwnData(options);
  const { folder, config } = await invocation(settings, options);
  if (config.kafka.brokers.length === 0) {
    throw new DaybookError(
      'configuration-invalid',
      'KAFKA_BROKERS names none: it names the cluster that the topics move to, or come from.',
    );
  }
  expectRegistryBeside(config);
  const kafka = kafkaSettings(config.kafka);
  const log = openLog(config, { service: 'migrate-topics', file: logFile(folder) });
  const provided = await exclusiveDatabase(config, folder, log);
  const database = openDatabase({ url: provided.url, applicationName, poolSize: 4, log });
  try {
    await migrate(database);
    const { moveTopics } = await import('@daybook/infra/topics/move-topics.ts');
    const { to } = options;
    const moved = await moveTopics({ database, applicationName, kafka, to, topics: topicContracts, log });
    writeLines(told(moved, to));
    return exitCodes.ok;
  } finally {
    await database.close();
    await provided.release();
  }
}

function told({ cluster, moved }: MovedTopics, to: MigrateTopicsOptions['to']): readonly string[] {
  const already = moved ? '' : ' already';
  return to === 'postgresql'
    ? [`The topics are in PostgreSQL${already}. Start it without KAFKA_BROKERS.`]
    : [
        `The topics are in the Kafka cluster ${cluster}${already}. Start it with KAFKA_BROKERS and SCHEMA_REGISTRY_URL.`,
        'They begin with what is recorded from now on; "daybook republish" publishes what came before, for other readers.',
      ];
}
