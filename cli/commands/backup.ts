import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { makeBackup, unwritable } from '@daybook/infra/backup/make-backup.ts';
import type { Manifest } from '@daybook/infra/backup/manifest.ts';
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { pendingMigrations } from '@daybook/infra/database/migrate.ts';
import { expectInDatabase } from '@daybook/infra/event-store/open-store.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { holdLock, type HeldLock } from '../folder-lock.ts';
import { expectOwnData, invocation, logFile, openLog, provideDatabase } from '../invocation.ts';
import type { BackupOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { productVersion } from '../version.ts';
import { writeLines } from '../terminal/printable.ts';

const settings = daybookSettings.pick({
  installation: true,
  database: true,
  eventStore: true,
  kafka: true,
  telemetry: true,
});

/** Writes a backup of the installation, running or not, and says what is in it and what has to be kept beside it. */
export async function backUp(directory: string, options: BackupOptions): Promise<ExitCode> {
  expectOwnData(options);
  const into = resolve(directory);
  const { folder, config } = await invocation(settings, options);
  expectInDatabase(config, 'A backup');
  const log = openLog(config, { service: 'backup', file: logFile(folder) });
  const provided = await provideDatabase(config, folder, log);
  try {
    await expectMigrated(provided.url, log);
    const lock = await holdPlace(into);
    try {
      const manifest = await makeBackup({
        databaseUrl: provided.url,
        dataFolder: folder.path,
        into,
        product: productVersion,
        withSecrets: options.withSecrets,
        log,
      });
      writeLines(summary(manifest, into));
      return judged(manifest, folder.path, options);
    } finally {
      await lock.release();
    }
  } finally {
    await provided.release();
  }
}

/** Takes the place of a backup. @throws `maintenance-refused` · `data-folder-unusable` where it cannot be written */
export async function holdPlace(into: string): Promise<HeldLock> {
  const held = await mkdir(dirname(into), { recursive: true })
    .then(() => holdLock(`${into}.lock`))
    .catch((error: unknown) => {
      throw unwritable(into, error);
    });
  if (held.ok) return held.lock;
  throw new DaybookError(
    'maintenance-refused',
    `Another backup to ${into} is being written (process ${String(held.holder)}).`,
  );
}

/** Says which pages are missing. A folder without any is not that of the scrapers: a failure, unless told that it is so. */
export function judged(
  { objects }: Pick<Manifest, 'objects'>,
  folder: string,
  { withoutPages }: Pick<BackupOptions, 'withoutPages'>,
  tell: (text: string) => void = (text) => process.stderr.write(text),
): ExitCode {
  const { count, missing = 0 } = objects;
  if (missing === 0) return exitCodes.ok;
  tell(`Not in it: ${counted(missing, 'stored page')} that the log names and ${folder} does not hold.\n`);
  if (count > 0 || withoutPages) return exitCodes.ok;
  tell(
    'Name the data folder of the scrapers with --data, or say --without-pages where they are kept elsewhere.\n',
  );
  return exitCodes.failed;
}

async function expectMigrated(url: string, log: ReturnType<typeof openLog>): Promise<void> {
  const database = openDatabase({ url, poolSize: 1, applicationName: 'daybook backup', log });
  try {
    if ((await pendingMigrations(database)).length === 0) return;
    throw new DaybookError(
      'configuration-invalid',
      'The database is not at this version. Run "daybook migrate" first, or make the backup with the Daybook that runs on it.',
    );
  } finally {
    await database.close();
  }
}

/** What a backup holds, and what it does not. */
export function summary({ log, tables, objects, secrets }: Manifest, into: string): readonly string[] {
  const bytes = tables.reduce((sum, { file }) => sum + file.bytes, objects.bytes);
  return [
    `Backed up ${counted(log.events, 'event')} up to position ${log.lastPosition} and ${counted(objects.count, 'stored page')} (${size(bytes)}) to ${into}`,
    secrets.length > 0
      ? 'The keys are in it: whoever has this folder can read everything. Keep it as you keep passwords.'
      : 'Personal data in it is sealed. Keep ENCRYPTION_KEY (and FORMER_ENCRYPTION_KEYS) elsewhere: without it nobody can open that, you neither.',
  ];
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}

function size(bytes: number): string {
  const [value, unit] =
    bytes < 1e6 ? [bytes / 1e3, 'kB'] : bytes < 1e9 ? [bytes / 1e6, 'MB'] : [bytes / 1e9, 'GB'];
  return `${value.toFixed(1)} ${unit}`;
}
