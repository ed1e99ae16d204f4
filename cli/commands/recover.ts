import { recoverConsumers, type Recovered } from '@daybook/infra/backup/recover.ts';
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { migrate } from '@daybook/infra/database/migrate.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { expectInDatabase } from '@daybook/infra/event-store/open-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { openRegistry } from '@daybook/infra/registry/open-registry.ts';
import { postgresVault } from '@daybook/infra/vault/postgres.ts';
import { exclusiveDatabase, expectOwnData, invocation, logFile, openLog } from '../invocation.ts';
import type { FolderOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { writeLines } from '../terminal/printable.ts';

const settings = daybookSettings.pick({
  installation: true,
  database: true,
  eventStore: true,
  kafka: true,
  registry: true,
  vault: true,
  telemetry: true,
});

const applicationName = 'daybook recover';

/** Brings read models, processes and topics back to the log, where they are ahead of it. */
export async function recover(options: FolderOptions): Promise<ExitCode> {
  expectOwnData(options);
  const { allProcesses } = await import('@daybook/sagas/capabilities.ts');
  const { folder, config } = await invocation(settings, options);
  expectInDatabase(config, 'A recovery');
  const log = openLog(config, { service: 'recover', file: logFile(folder) });
  const provided = await exclusiveDatabase(config, folder, log);
  // As long as it takes.
  const long = { statementTimeoutMs: 0, settings: { idle_in_transaction_session_timeout: '0' } };
  const database = openDatabase({ url: provided.url, applicationName, poolSize: 3, log, ...long });
  const vault = postgresVault({
    database,
    keyEncryptionKey: config.vault.encryptionKey,
    formerKeyEncryptionKeys: config.vault.formerEncryptionKeys,
  });
  const eventStore = contractStore(postgresEventStore({ database, wakeups: memoryWakeups(), log }), vault);
  try {
    await migrate(database);
    const recovered = await recoverConsumers({
      database,
      applicationName,
      eventStore,
      codec: makeMessageCodec({ registry: await openRegistry(config.registry, database) }),
      processes: allProcesses,
      log,
    });
    writeLines(told(recovered));
    return exitCodes.ok;
  } finally {
    await eventStore.close();
    await database.close();
    await provided.release();
  }
}

/** What a recovery did, in words. */
export function told(recovered: Recovered | null): readonly string[] {
  if (recovered === null) return ['Consumers follow the log. There is nothing to mend.'];
  const { agreed, lost, instances } = recovered;
  return [
    `Log and consumers agree up to position ${agreed}.`,
    `${String(lost)} published events are not in the log; they were taken from the topic. ${String(instances)} instances of processes were made anew.`,
    'Read models are folded from the log at the next start. Whoever was told of the lost events has to repeat what they asked for.',
  ];
}
