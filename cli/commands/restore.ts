import { existsSync } from 'node:fs';
import { devNull } from 'node:os';
import { join, resolve } from 'node:path';
import { checkBackup } from '@daybook/infra/backup/check-backup.ts';
import { copyDurably, makeFolder } from '@daybook/infra/backup/durable-files.ts';
import type { Manifest } from '@daybook/infra/backup/manifest.ts';
import { lookBeforeRestore, restoreBackup, type Restored } from '@daybook/infra/backup/restore-backup.ts';
import { environment } from '@daybook/infra/config/environment.ts';
import { loadConfig, type Environment } from '@daybook/infra/config/load.ts';
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { expectInDatabase } from '@daybook/infra/event-store/open-store.ts';
import { wrongKey, type KeysAtHand } from '@daybook/infra/vault/probe-keys.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { folderPath, lockDataFolder, openDataFolder } from '../data-folder.ts';
import { exclusiveDatabase, invocation, logFile, openLog } from '../invocation.ts';
import type { RestoreOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { writeLines } from '../terminal/printable.ts';

const settings = daybookSettings.pick({
  installation: true,
  database: true,
  eventStore: true,
  kafka: true,
  vault: true,
  telemetry: true,
});

/** Read before there is a folder: reading the vault's would make a key in it. */
const withoutKeys = daybookSettings.pick({
  installation: true,
  database: true,
  eventStore: true,
  kafka: true,
  telemetry: true,
});

/**
 * Restores a backup into an empty installation: the embedded database of a data folder, or the one of DATABASE_URL. The
 * backup and the keys are looked at before anything is made.
 */
export async function restore(directory: string, options: RestoreOptions): Promise<ExitCode> {
  const from = resolve(directory);
  const manifest = await checkBackup(from);
  await lookFirst(from, manifest, options);
  await bringKeys(manifest, from, options);
  const { folder, config } = await invocation(settings, options);
  const log = openLog(config, { service: 'restore', file: logFile(folder) });
  const database = await exclusiveDatabase(config, folder, log);
  try {
    const restored = await restoreBackup({
      from,
      ...(options.keys === undefined ? {} : { keysFrom: resolve(options.keys) }),
      databaseUrl: database.url,
      dataFolder: folder.path,
      keys: config.vault,
      log,
    });
    writeLines(told(restored, folder.path));
    return exitCodes.ok;
  } finally {
    await database.release();
  }
}

/**
 * Refuses what cannot be restored, or not here, while nothing is made: neither the folder, nor a key in it. A folder
 * without a database has nothing to lose.
 */
async function lookFirst(from: string, manifest: Manifest, { data, keys }: RestoreOptions): Promise<void> {
  const env = environment();
  const path = folderPath(data, env);
  const atHand = keysAtHand(manifest, from, path, env);
  const config = loadConfig(withoutKeys, { ...env, DAYBOOK_DATA: path });
  expectInDatabase(config, 'A restore');
  const present = existsSync(path);
  const log = openLog(config, { service: 'restore', file: present ? join(path, 'daybook.log') : devNull });
  const look = (databaseUrl?: string): Promise<void> =>
    lookBeforeRestore({
      from,
      ...(keys === undefined ? {} : { keysFrom: resolve(keys) }),
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
      ...(atHand === undefined ? {} : { keys: atHand }),
      log,
    });
  if (config.database.url !== undefined) return look(config.database.url);
  if (!existsSync(join(path, 'postgres'))) return look();
  const database = await exclusiveDatabase(config, await openDataFolder(path), log);
  try {
    await look(database.url);
  } finally {
    await database.release();
  }
}

/** The keys that the restore will have: of the environment, of the folder, else of the backup. Makes none. */
function keysAtHand(
  { secrets, keyVersions }: Manifest,
  from: string,
  path: string,
  env: Environment,
): KeysAtHand | undefined {
  const read = (more: Environment = {}): KeysAtHand =>
    loadConfig(daybookSettings.pick({ vault: true }), { ...env, DAYBOOK_DATA: path, ...more }).vault;
  if (namesKey(env) || existsSync(join(path, keyFile))) return read();
  if (secrets.some((secret) => secret.path === keyFile))
    return read({ ENCRYPTION_KEY_FILE: join(from, keyFile) });
  if (keyVersions.length > 0) throw wrongKey();
  return undefined;
}

const keyFile = join('secrets', 'ENCRYPTION_KEY');

function namesKey(env: Environment): boolean {
  return [env['ENCRYPTION_KEY'], env['ENCRYPTION_KEY_FILE']].some((value) => (value ?? '').trim() !== '');
}

/** Puts the secrets of a backup into a data folder that has none. */
async function bringKeys(manifest: Manifest, from: string, options: RestoreOptions): Promise<void> {
  const env = environment();
  const path = folderPath(options.data, env);
  if (manifest.secrets.length === 0 || namesKey(env) || existsSync(join(path, keyFile))) return;
  const folder = await openDataFolder(path);
  const lock = await lockDataFolder(folder);
  try {
    await makeFolder(join(path, 'secrets'));
    for (const secret of manifest.secrets) {
      await copyDurably(join(from, secret.path), join(path, secret.path)).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(path, error);
      });
    }
  } finally {
    await lock.release();
  }
}

function unwritable(path: string, cause: unknown): DaybookError {
  return new DaybookError('data-folder-unusable', `The secrets cannot be written into ${path}.`, { cause });
}

/** What a restore brought back, and what comes next. */
export function told({ manifest, identity }: Restored, folder: string): readonly string[] {
  const { events, lastPosition } = manifest.log;
  return [
    `Restored ${events.toLocaleString('en')} events up to position ${lastPosition}, as of ${manifest.madeAt}.`,
    `The log begins its epoch ${identity.epoch.split('.')[0] ?? ''}. Whatever else followed it stops and says so.`,
    `Start it with "daybook up --data ${folder}". Read models are folded from the log first; effects that waited then are done now.`,
  ];
}
