import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { migrate } from '@daybook/infra/database/migrate.ts';
import { invocation, logFile, openLog, provideDatabase, type CommonOptions } from '../invocation.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';

const settings = daybookSettings.pick({ installation: true, database: true, telemetry: true });

/** Brings the database to the newest migration and prints what was applied. */
export async function migrateDatabase(options: CommonOptions): Promise<ExitCode> {
  const { folder, config } = await invocation(settings, options);
  const log = openLog(config, { service: 'migrate', file: logFile(folder) });
  const provided = await provideDatabase(config, folder, log);
  const database = openDatabase({
    url: provided.url,
    applicationName: 'daybook migrate',
    statementTimeoutMs: 0,
    log,
  });
  try {
    const applied = await migrate(database);
    const lines = applied.map((name) => `applied ${name}`);
    process.stdout.write(`${[...lines, 'The database is up to date.'].join('\n')}\n`);
    return exitCodes.ok;
  } finally {
    await database.close();
    await provided.release();
  }
}
