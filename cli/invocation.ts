/** What every command starts from: the data folder, the configuration, the log and the database. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '@daybook/infra/config/environment.ts';
import { loadConfig, type Environment } from '@daybook/infra/config/load.ts';
import type { ConfigOf, DaybookConfig, SettingsSchema } from '@daybook/infra/config/settings.ts';
import { runningEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { keepEmbeddedPostgres } from '@daybook/infra/database/kept-postgres.ts';
import { armFailpoints } from '@daybook/infra/failpoints/failpoint.ts';
import { pinoLog } from '@daybook/infra/logging/pino-log.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { expectDaybook, folderPath, lockDataFolder, openDataFolder, type DataFolder } from './data-folder.ts';
import { beforeEnd } from './signals.ts';

/** Options that several commands take. */
export type CommonOptions = Readonly<{ data?: string; port?: number }>;

/** The data folder and the configuration of an invocation. */
export type Invocation<S extends SettingsSchema> = Readonly<{
  folder: DataFolder;
  config: ConfigOf<S>;
}>;

/**
 * Opens the data folder, then reads the environment once; options of the command line go before it, `more` before both.
 * @throws `data-folder-unusable` · `configuration-invalid`
 */
export async function invocation<S extends SettingsSchema>(
  schema: S,
  options: CommonOptions,
  more: (env: Environment) => Environment = () => ({}),
): Promise<Invocation<S>> {
  const env = environment();
  const folder = await openDataFolder(folderPath(options.data, env));
  const config = loadConfig(schema, {
    ...env,
    DAYBOOK_DATA: folder.path,
    ...(options.port === undefined ? {} : { PORT: String(options.port) }),
    ...more(env),
  });
  armed ??= armFailpoints((config as InstallationConfig).installation?.failpoints ?? []);
  return { folder, config };
}

type InstallationConfig = Readonly<{ installation?: DaybookConfig['installation'] }>;

/** A process arms its failpoints once, however often it reads its configuration. */
let armed: (() => void) | undefined;

/** The log of a process: on standard output, or in a file where the terminal shows something else. */
export function openLog(
  config: Pick<DaybookConfig, 'telemetry'>,
  options: Readonly<{ service?: string; file?: string }>,
): Log {
  const { logLevel, logFormat } = config.telemetry;
  const { file } = options;
  return pinoLog({
    level: logLevel,
    pretty: (logFormat ?? (file === undefined && process.stdout.isTTY ? 'pretty' : 'json')) === 'pretty',
    ...(options.service === undefined ? {} : { fields: { service: options.service } }),
    ...(file === undefined
      ? {}
      : {
          destination: {
            write: (line: string) => {
              appendFileSync(file, line);
            },
          },
        }),
  });
}

/** Where the log of a process stands whose terminal shows something else. */
export function logFile(folder: DataFolder): string {
  return join(folder.path, 'daybook.log');
}

/** A database that is there until `release`. */
export type ProvidedDatabase = Readonly<{ url: string; embedded: boolean; release: () => Promise<void> }>;

type DatabaseConfig = Pick<DaybookConfig, 'database'>;

/**
 * The database of the configuration, or the embedded one of the folder: that of a running Daybook where there is one,
 * else started for this process and stopped at release.
 * @throws `unavailable` · `data-folder-unusable`
 */
export async function provideDatabase(
  config: DatabaseConfig,
  folder: DataFolder,
  log: Log,
): Promise<ProvidedDatabase> {
  const shared = await sharedDatabase(config, folder);
  return shared ?? ownDatabase(folder, log);
}

/** The embedded one, started for this process. */
async function ownDatabase(folder: DataFolder, log: Log): Promise<ProvidedDatabase> {
  const lock = await lockDataFolder(folder);
  const starting = keepEmbeddedPostgres({ folder: join(folder.path, 'postgres'), log });
  const stop = async (): Promise<void> => {
    // A server that did not start is nothing to stop: who waits for it is told.
    const server = await starting.catch(() => undefined);
    await server?.stop();
    await lock.release();
  };
  // It runs in a process group of its own, and would outlive this one.
  const interrupted = beforeEnd(stop);
  const release = async (): Promise<void> => {
    await stop();
    interrupted.release();
  };
  try {
    const { url } = await starting;
    return { url, embedded: true, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * As `provideDatabase`, for work that nobody else may see: the embedded one only where no Daybook runs in the folder.
 * @throws `unavailable` · `data-folder-unusable`
 */
export async function exclusiveDatabase(
  config: DatabaseConfig,
  folder: DataFolder,
  log: Log,
): Promise<ProvidedDatabase> {
  if (config.database.url !== undefined) return sharedAt(config.database.url, false);
  return ownDatabase(folder, log);
}

/**
 * Refuses where there is nothing: an own database holds a log wherever the folder is, an embedded one only where Daybook
 * ran.
 * @throws `data-folder-unusable`
 */
export function expectOwnData(options: CommonOptions): void {
  const env = environment();
  const elsewhere = (env['DATABASE_URL'] ?? env['DATABASE_URL_FILE'] ?? '').trim() !== '';
  if (!elsewhere) expectDaybook(folderPath(options.data, env));
}

/** As `provideDatabase`, but only a database that somebody else runs. @throws `configuration-invalid` */
export async function expectDatabase(config: DatabaseConfig, folder: DataFolder): Promise<ProvidedDatabase> {
  const shared = await sharedDatabase(config, folder);
  if (shared !== undefined) return shared;
  throw new DaybookError(
    'configuration-invalid',
    `There is no database: set DATABASE_URL, or start the embedded one of ${folder.path} with "daybook run database".`,
  );
}

async function sharedDatabase(
  { database }: DatabaseConfig,
  folder: DataFolder,
): Promise<ProvidedDatabase | undefined> {
  if (database.url !== undefined) return sharedAt(database.url, false);
  const running = await runningEmbeddedPostgres(join(folder.path, 'postgres'));
  return running === undefined ? undefined : sharedAt(running, true);
}

/** A database that somebody else runs. */
function sharedAt(url: string, embedded: boolean): ProvidedDatabase {
  return { url, embedded, release: () => Promise.resolve() };
}
