/**
 * A backup of an installation that may be running. Order of execution, and what a death after each step means (in
 * brackets the test that dies there):
 *
 * 1. Make a folder beside the place, after removing what a dead backup left of it.
 * 2. Read everything of the database in one snapshot: log, keys, topics, states of processes are of one moment, as after
 *    a crash. Writers are not held up. The hashes of the pages that events name go to a file of the folder, which is gone
 *    after step 3. Dying: an unfinished folder, which is no backup and says so by its name.
 * 3. Copy the stored objects, all that the events of the snapshot name
 *    [restore.int.spec.ts "a backup that dies at backup.copied leaves no backup"].
 * 4. Write the manifest and flush all names [restore.int.spec.ts "a backup that dies at backup.writing leaves no backup"].
 * 5. Give the folder its name: the backup is there, whole
 *    [restore.int.spec.ts "a backup that dies at backup.written is whole"].
 */
import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type pg from 'pg';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { openDatabase } from '../database/database.ts';
import { appliedMigrations } from '../database/migrate.ts';
import { readFollowedLog } from '../event-store/followed-log.ts';
import { logIdentity } from '../event-store/log-epoch.ts';
import { toPosition } from '../event-store/position.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { copyDurably, makeFolder, syncFolder } from './durable-files.ts';
import { backupFormat, writeManifest, type Manifest } from './manifest.ts';
import { writeNamedPages } from './named-pages.ts';
import { copyObjectsOut } from './stored-objects.ts';
import { copyOut, fileFacts } from './table-copy.ts';
import { keptTables, sequencesOf } from './tables.ts';

export type BackupOptions = Readonly<{
  databaseUrl: string;
  /** Holds the stored objects, and the secrets of a development installation. */
  dataFolder: string;
  /** Where the backup is to be; nothing may be there yet. */
  into: string;
  /** Version of the product. */
  product: string;
  /** Puts the development secrets of the data folder into the backup: whoever has it can then open everything. */
  withSecrets?: boolean;
  log: Log;
}>;

/**
 * Writes a backup and answers with its manifest. Sealed fields stay sealed in it, and data keys wrapped: what unwraps
 * them is not in it, unless secrets are asked for.
 * @throws `maintenance-refused` where something is at the place · `data-folder-unusable` where it cannot be written
 *   · `unavailable` · `timeout`
 */
export async function makeBackup(options: BackupOptions): Promise<Manifest> {
  const into = resolve(options.into);
  if (existsSync(into)) {
    throw new DaybookError(
      'maintenance-refused',
      `There is something at ${into} already. Name a new folder for the backup.`,
    );
  }
  const unfinished = `${into}.unfinished`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    await makeFolder(join(unfinished, 'tables'));
    const namedPages = join(unfinished, 'named-pages');
    const read = await readDatabase(options, unfinished, namedPages);
    const objects = await copyObjectsOut(options.dataFolder, unfinished, namedPages);
    await rm(namedPages);
    const secrets = options.withSecrets === true ? await copySecrets(options.dataFolder, unfinished) : [];
    const manifest: Manifest = { format: backupFormat, product: options.product, ...read, objects, secrets };
    await failpoint('backup.copied');
    await writeManifest(unfinished, manifest);
    await syncFolder(join(unfinished, 'tables'));
    await failpoint('backup.writing');
    await rename(unfinished, into);
    await syncFolder(dirname(into));
    await failpoint('backup.written');
    return manifest;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
    throw unwritable(into, error);
  }
}

type Read = Pick<Manifest, 'madeAt' | 'log' | 'migrations' | 'tables' | 'sequences' | 'keyVersions'>;

async function readDatabase(
  { databaseUrl, log }: BackupOptions,
  folder: string,
  namedPages: string,
): Promise<Read> {
  const database = openDatabase({
    url: databaseUrl,
    poolSize: 1,
    applicationName: 'daybook backup',
    // As long as it takes.
    statementTimeoutMs: 0,
    settings: { idle_in_transaction_session_timeout: '0' },
    log,
  });
  try {
    return await database.transaction(async (client) => {
      await client.query('set transaction isolation level repeatable read, read only');
      const read = await readSnapshot(client, folder);
      await writeNamedPages(client, namedPages);
      return read;
    });
  } finally {
    await database.close();
  }
}

async function readSnapshot(client: pg.PoolClient, folder: string): Promise<Read> {
  const migrations = await appliedMigrations(client);
  const kept = await keptTables(client);
  const log = await readLog(client);
  const tables: Manifest['tables'] = [];
  for (const table of kept) {
    const path = `tables/${table.name}.copy.zst`;
    const { rows, content, ...file } = await copyOut(client, table, join(folder, path));
    tables.push({
      name: table.name,
      columns: [...table.columns],
      rows,
      content,
      file: { path, ...file },
    });
  }
  const { rows: versions } = await client.query<{ version: string }>(
    'select distinct kek_version as version from vault.data_keys where kek_version is not null order by version',
  );
  return {
    ...log,
    migrations: [...migrations],
    tables,
    // Sequences know no snapshots: read last, none is behind the rows.
    sequences: [...(await sequencesOf(client, kept))],
    keyVersions: versions.map(({ version }) => version),
  };
}

async function readLog(client: pg.PoolClient): Promise<Pick<Manifest, 'madeAt' | 'log'>> {
  const identity = await logIdentity(client);
  const followed = await readFollowedLog(client);
  if (followed !== undefined && followed.log !== identity.log) throw elsewhere();
  const { rows } = await client.query<{ now: string; events: number; last: number }>(
    'select now() as now, count(*) as events, coalesce(max(position), 0) as last from log.events',
  );
  const [row] = rows;
  if (row === undefined) throw new DaybookError('unavailable', 'The log cannot be counted.');
  const { now, events, last } = row;
  return {
    madeAt: now,
    log: { id: identity.log, epoch: identity.epoch, events, lastPosition: toPosition(last) },
  };
}

async function copySecrets(dataFolder: string, backup: string): Promise<Manifest['secrets']> {
  const names = await readdir(join(dataFolder, 'secrets')).catch((): string[] => []);
  if (!names.includes('ENCRYPTION_KEY')) {
    throw new DaybookError(
      'maintenance-refused',
      'The secrets of this installation do not stand in its data folder, so they cannot be put into a backup. Keep ENCRYPTION_KEY where you keep passwords.',
    );
  }
  await makeFolder(join(backup, 'secrets'));
  const secrets: Manifest['secrets'] = [];
  for (const name of names.filter((one) => /^[A-Z_]+$/.test(one)).sort()) {
    const path = `secrets/${name}`;
    await copyDurably(join(dataFolder, path), join(backup, path));
    secrets.push({ path, ...(await fileFacts(join(backup, path))) });
  }
  return secrets;
}

/** What keeps a backup from being written, in words. */
const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EACCES: 'it is not writable for this user',
  EPERM: 'it is not writable for this user',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a part of the path is a file',
};

/** The failure as a sentence, where it is the place that cannot be written. */
export function unwritable(into: string, error: unknown): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (isDaybookError(error) || reasons[code] === undefined) return error;
  return new DaybookError(
    'data-folder-unusable',
    `The backup cannot be written to ${into}: ${reasons[code]}. Nothing of it was left.`,
    { cause: error },
  );
}

/** What stands in the database beside a log that is elsewhere would be restored beside the former one. */
function elsewhere(): DaybookError {
  return new DaybookError(
    'maintenance-refused',
    'Everything in this database follows a log that is elsewhere. Use the backups of both engines.',
  );
}
