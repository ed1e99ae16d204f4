/**
 * A restore into a database that holds no events. Order of execution, and what a death after each step means (in brackets
 * the test that dies there):
 *
 * 1. Make sure of the backup, of the keys, and that there is nothing to lose. Nothing is changed before all of it holds.
 * 2. Make the database anew, with a mark that a restore is under way: no Daybook starts on it until the mark is gone. The
 *    restore may be begun again from any point on [restore.int.spec.ts "a restore that dies at restore.emptied is begun again"].
 * 3. Run the migrations that the backup was made with.
 * 4. Copy the stored objects [restore.int.spec.ts "a restore that dies at restore.copied is begun again"].
 * 5. In one transaction: load all tables, read them again and compare with the manifest, set sequences, take leases back,
 *    forget read models, begin an epoch of the log, remove the mark
 *    [restore.int.spec.ts "a restore that dies at restore.writing is begun again"].
 * 6. Collect statistics. Dying: they are collected in time
 *    [restore.int.spec.ts "a restore that dies at restore.written is done"].
 */
import { join } from 'node:path';
import type pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Position } from '@daybook/kernel/event.ts';
import type { LogIdentity } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { openDatabase, type Database } from '../database/database.ts';
import { markRestore, migrate, unfinishedRestore } from '../database/migrate.ts';
import { noteFollowedLog } from '../event-store/followed-log.ts';
import { beginEpoch } from '../event-store/log-epoch.ts';
import { fromPosition } from '../event-store/position.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { forgetProjections } from '../runtime/forget-projections.ts';
import { missingKeys, probeKeys, wrongKey, type KeysAtHand } from '../vault/probe-keys.ts';
import { checkBackup } from './check-backup.ts';
import { refuseInUse } from './in-use.ts';
import { keyTableOf, type TableSource } from './key-table.ts';
import type { Manifest } from './manifest.ts';
import { copyObjectsIn } from './stored-objects.ts';
import { contentOf, copyIn } from './table-copy.ts';
import { keptTables, ownSchemas, sqlName, type KeptTable } from './tables.ts';

export type RestoreOptions = Readonly<{
  /** The backup. */
  from: string;
  /** A later backup of the same log whose data keys are taken instead: who was erased since stays erased. */
  keysFrom?: string;
  databaseUrl: string;
  dataFolder: string;
  keys: KeysAtHand;
  log: Log;
}>;

/** What a restore brought back. */
export type Restored = Readonly<{ manifest: Manifest; identity: LogIdentity }>;

const applicationName = 'daybook restore';

/**
 * Restores a backup into a database without events, and its objects into the data folder. Everything or nothing; may be
 * begun again after a death. Read models are folded from the log at the next start.
 * @throws `backup-invalid` · `key-unknown` · `maintenance-refused`, all with nothing changed · `unavailable` · `timeout`
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { from } = options;
  const manifest = await checkBackup(from);
  const keyTable = await keyTableOf(options, manifest);
  if (missingKeys(keyTable.versions, options.keys).length > 0) throw wrongKey();
  const database = openTarget(options);
  try {
    await expectRestorable(database);
    await makeAnew(database);
    await failpoint('restore.emptied');
    await migrate(database, { only: manifest.migrations, restoring: true });
    await copyObjectsIn(from, options.dataFolder);
    await failpoint('restore.copied');
    const sources = manifest.tables.map((table) =>
      table.name === keyTable.name ? keyTable : { ...table, folder: from },
    );
    const identity = await database.transaction((client) => load(client, manifest, sources, options.keys));
    await failpoint('restore.written');
    for (const { name } of manifest.tables) await database.pool.query(`analyze ${sqlName(name)}`);
    return { manifest, identity };
  } finally {
    await database.close();
  }
}

/**
 * Makes sure of what a restore needs before anything is made for it: a backup, with keys of the same log, the keys that
 * wrap them, where they are known yet, and no data in the database, where there is one yet. Changes nothing.
 * @throws `backup-invalid` · `key-unknown` · `maintenance-refused` · `unavailable` · `timeout`
 */
export async function lookBeforeRestore(
  options: Pick<RestoreOptions, 'from' | 'keysFrom' | 'log'> &
    Partial<Pick<RestoreOptions, 'databaseUrl' | 'keys'>>,
): Promise<void> {
  const { databaseUrl, keys, log } = options;
  const { versions } = await keyTableOf(options, await checkBackup(options.from));
  if (keys !== undefined && missingKeys(versions, keys).length > 0) throw wrongKey();
  if (databaseUrl === undefined) return;
  const database = openTarget({ databaseUrl, log });
  try {
    await expectRestorable(database);
  } finally {
    await database.close();
  }
}

function openTarget({ databaseUrl, log }: Pick<RestoreOptions, 'databaseUrl' | 'log'>): Database {
  return openDatabase({
    url: databaseUrl,
    poolSize: 3,
    applicationName,
    // As long as it takes.
    statementTimeoutMs: 0,
    settings: { idle_in_transaction_session_timeout: '0' },
    log,
  });
}

async function expectRestorable(database: Database): Promise<void> {
  await refuseInUse(database, applicationName, 'a restore');
  await refuseLiveData(database);
}

/** @throws `maintenance-refused` for a database that holds events, or schemas that are not Daybook's */
async function refuseLiveData({ pool }: Database): Promise<void> {
  const { rows } = await pool.query<{ schemas: string[]; ours: boolean; log: boolean }>(
    `select array(select nspname::text from pg_namespace where nspname = any($1)) as schemas,
       to_regclass('runtime.migrations') is not null or to_regclass($2) is not null as ours,
       to_regclass('log.events') is not null as log`,
    [ownSchemas, unfinishedRestore],
  );
  const { schemas = [], ours = false, log = false } = rows[0] ?? {};
  if (schemas.length > 0 && !ours) {
    throw new DaybookError(
      'maintenance-refused',
      `The database holds schemas that Daybook did not make (${schemas.join(', ')}). Name another database.`,
    );
  }
  if (log && (await pool.query('select from log.events limit 1')).rows.length > 0) {
    throw new DaybookError(
      'maintenance-refused',
      'There are events in this database, and a restore never writes over any. Name another data folder with --data, or an empty database with DATABASE_URL. Nothing was changed.',
    );
  }
}

async function makeAnew(database: Database): Promise<void> {
  await database.transaction(async (client) => {
    // Nothing can be recorded between the look and the drop.
    const { rows } = await client.query(`select where to_regclass('log.events') is not null`);
    if (rows.length > 0) await client.query('lock table log.events in access exclusive mode');
    await refuseLiveData({ ...database, pool: client as unknown as pg.Pool });
    await client.query(`drop schema if exists ${ownSchemas.join(', ')} cascade`);
    await markRestore(client);
  });
}

async function load(
  client: pg.PoolClient,
  manifest: Manifest,
  sources: readonly TableSource[],
  keys: KeysAtHand,
): Promise<LogIdentity> {
  await client.query(`drop table ${unfinishedRestore}`);
  const tables = pairs(await keptTables(client), sources);
  // Rows that migrations made. Of the log itself there are none.
  for (const [{ name }] of tables.toReversed()) {
    if (name !== 'log.events') await client.query(`delete from ${sqlName(name)}`);
  }
  for (const [table, { folder, file }] of tables) await copyIn(client, table, join(folder, file.path));
  for (const [table, source] of tables) {
    const { rows, content } = await contentOf(client, table);
    if (rows !== source.rows || content !== source.content) {
      throw new DaybookError(
        'backup-invalid',
        `What was loaded into ${table.name} is not what the backup says.`,
      );
    }
  }
  await setSequences(client, manifest);
  await probeKeys(client, keys);
  await client.query(takeLeasesBack);
  await forgetProjections(client);
  const identity = await newEpoch(client, manifest);
  await failpoint('restore.writing');
  return identity;
}

/** Each table as the database has it, with what the backup has of it. */
function pairs(
  tables: readonly KeptTable[],
  sources: readonly TableSource[],
): readonly (readonly [KeptTable, TableSource])[] {
  const byName = new Map(sources.map((source) => [source.name, source]));
  const paired = tables.flatMap((table) => {
    const source = byName.get(table.name);
    return source?.columns.join() === table.columns.join() ? [[table, source] as const] : [];
  });
  if (paired.length === tables.length && paired.length === sources.length) return paired;
  throw new DaybookError('backup-invalid', 'The backup holds other tables than its migrations make.');
}

/** The largest number that a sequence has given to a row; rows of a backup are never ahead of their sequence. */
const ownerOf = `
  select n.nspname || '.' || c.relname as table, a.attname as column
  from pg_depend d join pg_class c on c.oid = d.refobjid join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where d.objid = to_regclass($1) and d.deptype in ('a', 'i')`;

async function setSequences(client: pg.PoolClient, { sequences }: Manifest): Promise<void> {
  for (const { name, value, called } of sequences) {
    const { rows } = await client.query<{ table: string; column: string }>(ownerOf, [name]);
    const [owner] = rows;
    if (owner === undefined)
      throw new DaybookError('backup-invalid', `The backup names a sequence ${name} that nothing uses.`);
    const most = await client.query<{ most: number | null }>(
      `select max(${sqlName(owner.column)})::bigint as most from ${sqlName(owner.table)}`,
    );
    const given = most.rows[0]?.most ?? null;
    if (given !== null && (!called || given > value)) {
      throw new DaybookError(
        'backup-invalid',
        `The sequence ${name} of the backup is behind the rows of ${owner.table}.`,
      );
    }
    await client.query('select setval(to_regclass($1), $2, $3)', [name, value, called]);
  }
}

/** Whoever held something when the backup was made does not run here. */
const takeLeasesBack = `
  update topics.cursors set owner = null where owner is not null;
  update topics.relays set owner = null, expires_at = '-infinity';
  update runtime.effects set lease = null, leased_until = null where lease is not null;
  update scraping.hosts set worker = null, leased_until = '-infinity' where worker is not null`;

async function newEpoch(client: pg.PoolClient, { log }: Manifest): Promise<LogIdentity> {
  const position = log.lastPosition as Position;
  const { rows } = await client.query<{ id: string; position: number }>(
    'select id, position from log.events order by position desc limit 1',
  );
  if ((rows[0]?.position ?? 0) !== fromPosition(position)) {
    throw new DaybookError('backup-invalid', 'The log of the backup ends elsewhere than its manifest says.');
  }
  const identity = await beginEpoch(client, 'restored', position);
  await noteFollowedLog(client, { ...identity, position, eventId: rows[0]?.id ?? null });
  return identity;
}
