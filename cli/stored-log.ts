/** The log and what stands around it, for commands that look into an installation whether it runs or not. */
import { daybookSettings, type ConfigOf } from '@daybook/infra/config/settings.ts';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { pendingMigrations } from '@daybook/infra/database/migrate.ts';
import { postgresWakeups, type Wakeups } from '@daybook/infra/database/wakeups.ts';
import { expectOwnLog } from '@daybook/infra/event-store/compare-log.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { openStore } from '@daybook/infra/event-store/open-store.ts';
import { postgresVault } from '@daybook/infra/vault/postgres.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log, Vault } from '@daybook/kernel/ports/outside.ts';
import {
  expectOwnData,
  invocation,
  logFile,
  openLog,
  provideDatabase,
  type CommonOptions,
} from './invocation.ts';

const settings = daybookSettings.pick({
  installation: true,
  database: true,
  eventStore: true,
  kafka: true,
  registry: true,
  vault: true,
  telemetry: true,
});

export type StoredLog = Readonly<{
  /** Held to the contracts. */
  eventStore: EventStore;
  /** The same as it is stored, with what this build cannot read. */
  stored: EventStore;
  vault: Vault;
  database: Database;
  wakeups: Wakeups;
  config: ConfigOf<typeof settings>;
  log: Log;
}>;

/**
 * Opens the log for some work and closes it again. An embedded database that nobody runs is started for it.
 * @param name of the command
 * @throws `data-folder-unusable` where no Daybook ever ran · `configuration-invalid` where it is of another version
 *   · `log-mismatch` where it is not the log of this database's consumers · `unavailable`
 */
export async function withStoredLog<T>(
  options: CommonOptions,
  name: string,
  work: (opened: StoredLog) => Promise<T>,
): Promise<T> {
  expectOwnData(options);
  const { folder, config } = await invocation(settings, options);
  const log = openLog(config, { service: name, file: logFile(folder) });
  const provided = await provideDatabase(config, folder, log);
  const database = openDatabase({ url: provided.url, applicationName: `daybook ${name}`, poolSize: 2, log });
  const wakeups = postgresWakeups(database, log);
  const vault = postgresVault({
    database,
    keyEncryptionKey: config.vault.encryptionKey,
    formerKeyEncryptionKeys: config.vault.formerEncryptionKeys,
  });
  const stored = await openStore({
    settings: config.eventStore,
    name: `daybook ${name}`,
    database,
    wakeups,
    log,
  });
  const eventStore = contractStore(stored, vault);
  try {
    if ((await pendingMigrations(database)).length > 0) throw notMigrated();
    await expectOwnLog(stored, database);
    return await work({ eventStore, stored, vault, database, wakeups, config, log });
  } finally {
    await eventStore.close();
    await wakeups.close();
    await database.close();
    await provided.release();
  }
}

function notMigrated(): DaybookError {
  return new DaybookError(
    'configuration-invalid',
    'The database is not at this version. Run "daybook migrate" first, or start with "daybook up", which does.',
  );
}
