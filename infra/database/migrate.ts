/**
 * Migrations: numbered SQL, forward only. Order of execution, and what a death after each step means (in brackets the
 * test that dies there):
 *
 * 1. Take the lock that lets one process migrate while others wait. Dying: the lock ends with the connection.
 * 2. Refuse a database that is half restored, or that a newer Daybook has changed in a way that this code cannot live
 *    with. Nothing was changed.
 * 3. For each migration that is pending, in order: run it with a bound on every wait for a lock, and record it, in one
 *    transaction [migrate.int.spec.ts "a death at migration.writing leaves the migration undone"]. Where others hold a
 *    lock, all of it is undone and tried again after a pause, a bounded number of times. A migration that PostgreSQL
 *    refuses within a transaction is run by itself and recorded after: dying in between runs it again
 *    [migrate.int.spec.ts "an index that died half-way is made again"].
 * 4. Go on with the next one [migrate.int.spec.ts "a death at migration.written goes on with the next one"].
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Knex } from 'knex';
import type pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { Database } from './database.ts';
import { translateDatabaseError } from './database.ts';
import { migrationNames, readMigration, type Migration } from './migration-file.ts';

export type MigrateOptions = Readonly<{
  /** Only these, such as those that a backup was made with. Default: all. */
  only?: readonly string[];
  /** Instead of the files of this code. */
  migrations?: readonly Migration[];
  /** For a restore that is under way: without it a database that is half restored is refused. */
  restoring?: boolean;
  /** How often a migration is tried that cannot get its locks. Default 20: about a minute and a half. */
  tries?: number;
}>;

/**
 * Brings the database to the newest migration, each in one transaction. Several processes may call it at once: one works
 * while the others wait. The code that runs meanwhile is never held up for longer than a migration's lock timeout.
 * Answers with the names of what was applied.
 * @throws `unavailable` (also, in plain words, where locks cannot be had) · `configuration-invalid` for a database that
 *   needs newer code · `maintenance-refused` for one that is half restored
 */
export async function migrate(database: Database, options: MigrateOptions = {}): Promise<readonly string[]> {
  const migrations = options.migrations ?? migrationNames().map(readMigration);
  const client = await database.pool.connect().catch((error: unknown) => {
    throw translateDatabaseError(error);
  });
  try {
    await lockedAlone(client);
    if (options.restoring !== true) await refuseHalfRestored(client);
    await client.query(bookkeeping);
    const config = settings(database, migrations);
    // The advisory lock is the real one; knex's own survives a killed process and would block for ever.
    await database.knex.migrate.list(config);
    await database.knex.migrate.forceFreeMigrationsLock(config);
    await refuseNewer(client, migrations);
    const applied: string[] = [];
    for (const name of await pendingOf(client, migrations)) {
      if (options.only?.includes(name) === false) continue;
      await applyPatiently(database, config, name, options.tries ?? 20);
      applied.push(name);
      await failpoint('migration.written');
    }
    return applied;
  } catch (error) {
    throw withoutStatement(error);
  } finally {
    await client.query(`select pg_advisory_unlock(hashtext('daybook migrations'))`).catch(() => undefined);
    client.release();
  }
}

/** Migrations that stand in the code but not in the database, which may be empty; changes nothing. @throws `unavailable` */
export async function pendingMigrations({ pool }: Pick<Database, 'pool'>): Promise<readonly string[]> {
  try {
    const { rows } = await pool.query<{ known: boolean }>(
      `select to_regclass('runtime.migrations') is not null as known`,
    );
    if (rows[0]?.known !== true) return migrationNames();
    return await pendingOf(pool, migrationNames().map(readMigration));
  } catch (error) {
    throw withoutStatement(error);
  }
}

/** Migrations that stand in the database, in order. @throws `unavailable`, also where there never were any */
export async function appliedMigrations(querier: Pick<pg.Pool, 'query'>): Promise<readonly string[]> {
  try {
    const { rows } = await querier.query<{ name: string }>(
      'select name from runtime.migrations order by name',
    );
    return rows.map(({ name }) => name);
  } catch (error) {
    throw withoutStatement(error);
  }
}

const bookkeeping = `
  create schema if not exists runtime;
  create table if not exists runtime.code_needed (migration text primary key, oldest_code text not null)`;

/**
 * Waits by asking again: a process that waits inside a statement holds a snapshot, and an index that is built
 * concurrently waits for every snapshot.
 */
async function lockedAlone(client: pg.PoolClient): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(hashtext('daybook migrations')) as locked`,
    );
    if (rows[0]?.locked === true) return;
    await pause(100);
  }
}

function settings(database: Database, migrations: readonly Migration[]): Knex.MigratorConfig {
  return {
    migrationSource: source(database, migrations),
    schemaName: 'runtime',
    tableName: 'migrations',
    // A newer Daybook may have applied more: `refuseNewer` decides.
    disableMigrationsListValidation: true,
  };
}

function source(database: Database, migrations: readonly Migration[]): Knex.MigrationSource<Migration> {
  return {
    getMigrations: () => Promise.resolve([...migrations]),
    getMigrationName: ({ name }) => name,
    getMigration: (migration) =>
      Promise.resolve({
        config: { transaction: migration.inTransaction },
        up: (knex: Knex) => (migration.inTransaction ? within(knex, migration) : alone(database, migration)),
        down: () => Promise.reject(new Error('Migrations go forward only.')),
      }),
  };
}

async function within(knex: Knex, { name, text, lockTimeoutMs, oldestCode }: Migration): Promise<void> {
  // Waits are bounded, work is not.
  await knex.raw(`set local lock_timeout = ${String(lockTimeoutMs)}; set local statement_timeout = 0`);
  await knex.raw(text.replaceAll('?', '\\?'));
  if (oldestCode !== null) {
    await knex.raw('insert into runtime.code_needed (migration, oldest_code) values (?, ?)', [
      name,
      oldestCode,
    ]);
  }
  await failpoint('migration.writing');
}

/** An index that died half-way stays behind as invalid, and `if not exists` would take it for done. */
const invalidIndexes = `
  select format('%I.%I', n.nspname, c.relname) as index from pg_index i
  join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
  where not i.indisvalid and n.nspname !~ '^pg_'`;

async function alone(
  database: Database,
  { name, text, lockTimeoutMs, oldestCode }: Migration,
): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('set statement_timeout = 0');
    await client.query(`set lock_timeout = ${String(lockTimeoutMs)}`);
    const { rows } = await client.query<{ index: string }>(invalidIndexes);
    for (const { index } of rows) await client.query(`drop index concurrently if exists ${index}`);
    await client.query(text);
    if (oldestCode !== null) {
      await client.query('insert into runtime.code_needed values ($1, $2) on conflict do nothing', [
        name,
        oldestCode,
      ]);
    }
    await failpoint('migration.writing');
  } finally {
    // Not given back: its settings are for this alone.
    client.release(true);
  }
}

/** Lock not available, and deadlock: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const lockStates = new Set(['55P03', '40P01']);

async function applyPatiently(
  database: Database,
  config: Knex.MigratorConfig,
  name: string,
  tries: number,
): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      await database.knex.migrate.up({ ...config, name });
      return;
    } catch (error) {
      // Outside of a transaction knex leaves its lock where a migration fails.
      await database.knex.migrate.forceFreeMigrationsLock(config);
      if (!lockStates.has((error as { code?: string }).code ?? '')) throw error;
      if (tried >= tries) throw await lockedOut(database, name, tried, error);
      // Longer and longer, so that those who were held up have gone on.
      await pause(Math.min(250 * tried, 3_000));
    }
  }
}

async function lockedOut(
  database: Database,
  name: string,
  tries: number,
  cause: unknown,
): Promise<DaybookError> {
  const { rows } = await database.pool.query<{ who: string; seconds: number }>(
    `select coalesce(nullif(application_name, ''), 'somebody') || ' (process ' || pid || ')' as who,
       extract(epoch from clock_timestamp() - xact_start)::integer as seconds
     from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
     order by xact_start limit 3`,
  );
  const open = rows.map(({ who, seconds }) => `${who} for ${String(seconds)} s`).join(', ');
  return new DaybookError(
    'unavailable',
    `Migration ${name} cannot get the locks it needs: others hold them. Nothing of it was done, and it may be started again.` +
      (open === '' ? '' : ` The longest transactions now: ${open}.`),
    { retry: 'later', fields: { migration: name, tries }, cause },
  );
}

async function pendingOf(
  querier: Pick<pg.Pool, 'query'>,
  migrations: readonly Migration[],
): Promise<readonly string[]> {
  const applied = new Set(await appliedMigrations(querier));
  return migrations.map(({ name }) => name).filter((name) => !applied.has(name));
}

/**
 * Code may run on a database that is newer than itself: so it does while a new version is rolled out, and where an old
 * process starts once more meanwhile. A migration that such code cannot live with names the oldest that can.
 */
async function refuseNewer(querier: Pick<pg.Pool, 'query'>, migrations: readonly Migration[]): Promise<void> {
  const newest = migrations.at(-1)?.name.slice(0, 4) ?? '';
  const { rows } = await querier.query<{ migration: string }>(
    'select migration from runtime.code_needed where oldest_code > $1 order by migration limit 1',
    [newest],
  );
  const [row] = rows;
  if (row === undefined) return;
  throw new DaybookError(
    'configuration-invalid',
    `A newer Daybook changed this database (${row.migration}) in a way that this one cannot live with. Start the newer one, or restore a backup that this one made.`,
    { fields: { migration: row.migration } },
  );
}

/** The mark of a restore that is under way, or died. */
export const unfinishedRestore = 'runtime.unfinished_restore';

/** Marks a database as half restored, within the caller's transaction. */
export async function markRestore(querier: Pick<pg.PoolClient, 'query'>): Promise<void> {
  await querier.query(
    `create schema runtime; create table ${unfinishedRestore} (begun_at timestamptz default now())`,
  );
}

async function refuseHalfRestored(querier: Pick<pg.PoolClient, 'query'>): Promise<void> {
  const { rows } = await querier.query('select where to_regclass($1) is not null', [unfinishedRestore]);
  if (rows.length === 0) return;
  throw new DaybookError(
    'maintenance-refused',
    'A restore into this database was begun and did not end. Begin it again with "daybook restore"; until then nothing starts here.',
  );
}

/** Knex puts the whole text of a statement before what PostgreSQL said of it. */
function withoutStatement(error: unknown): DaybookError {
  if (error instanceof DaybookError) return error;
  if (error instanceof Error)
    error.message = error.message.slice(error.message.lastIndexOf(' - ') + 1).replace(/^- /, '');
  return translateDatabaseError(error);
}
