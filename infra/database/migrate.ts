import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Knex } from 'knex';
import type { DaybookError } from '@daybook/kernel/errors.ts';
import type { Database } from './database.ts';
import { translateDatabaseError } from './database.ts';

/** Where the numbered SQL files stand. */
const folder = join(import.meta.dirname, 'migrations');

/** The migrations as knex wants them: plain SQL, forward only, in name order. */
const source: Knex.MigrationSource<string> = {
  getMigrations: () =>
    Promise.resolve(
      readdirSync(folder)
        .filter((file) => file.endsWith('.sql'))
        .sort(),
    ),
  getMigrationName: (file) => file,
  getMigration: (file) =>
    Promise.resolve({
      up: (knex: Knex) => knex.raw(readFileSync(join(folder, file), 'utf8').replaceAll('?', '\\?')),
      down: () => Promise.reject(new Error('Migrations go forward only.')),
    }),
};

const settings: Knex.MigratorConfig = {
  migrationSource: source,
  schemaName: 'runtime',
  tableName: 'migrations',
};

/**
 * Brings the database to the newest migration, each in one transaction. Several processes may call it at once: an
 * advisory lock lets one work while the others wait. Answers with the names of what was applied.
 * @throws `unavailable`
 */
export async function migrate(database: Database): Promise<readonly string[]> {
  const client = await database.pool.connect().catch((error: unknown) => {
    throw translateDatabaseError(error);
  });
  try {
    await client.query(`select pg_advisory_lock(hashtext('daybook migrations'))`);
    await client.query('create schema if not exists runtime');
    // The advisory lock is the real one; knex's own survives a killed process and would block for ever.
    await database.knex.migrate.list(settings);
    await database.knex.migrate.forceFreeMigrationsLock(settings);
    const [, applied] = (await database.knex.migrate.latest(settings)) as [number, string[]];
    return applied;
  } catch (error) {
    throw withoutStatement(error);
  } finally {
    await client.query(`select pg_advisory_unlock(hashtext('daybook migrations'))`).catch(() => undefined);
    client.release();
  }
}

/** Migrations that stand in the code but not in the database. @throws `unavailable` */
export async function pendingMigrations(database: Database): Promise<readonly string[]> {
  try {
    const [, pending] = (await database.knex.migrate.list(settings)) as [unknown[], string[]];
    return pending;
  } catch (error) {
    throw withoutStatement(error);
  }
}

/** Knex puts the whole text of a statement before what PostgreSQL said of it. */
function withoutStatement(error: unknown): DaybookError {
  if (error instanceof Error)
    error.message = error.message.slice(error.message.lastIndexOf(' - ') + 1).replace(/^- /, '');
  return translateDatabaseError(error);
}
