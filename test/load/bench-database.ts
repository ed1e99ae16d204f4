import pg from 'pg';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { migrate } from '@daybook/infra/database/migrate.ts';
import { silentLog } from '../support/silent-log.ts';
import type { Bench } from './bar.ts';

/** Fresh databases on a bench's server; `close` closes those that were opened. */
export function makeDatabases(
  serverUrl: string,
): Readonly<{ migrated: Bench['database']; empty: Bench['emptyDatabase']; close(): Promise<void> }> {
  const opened: Database[] = [];
  let count = 0;

  const create = async (): Promise<string> => {
    count += 1;
    const name = `bench_${String(count)}`;
    const client = new pg.Client({ connectionString: serverUrl });
    await client.connect();
    try {
      await client.query(`create database ${name}`);
    } finally {
      await client.end();
    }
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    return url.href;
  };

  return {
    empty: create,
    migrated: async (options = {}) => {
      const url = await create();
      const migrating = openDatabase({ url, log: silentLog });
      await migrate(migrating);
      await migrating.close();
      const database = openDatabase({ url, log: silentLog, ...options });
      opened.push(database);
      return database;
    },
    close: async () => {
      await Promise.all(opened.map((database) => database.close()));
    },
  };
}

/** A pool of plain connections, as peers are given them. */
export function plainPool(url: string, max: number, settings = ''): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max, options: settings });
  // The server ends what a bench that failed leaves open.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Counts the rows of a table of a peer. */
export async function countRows(pool: Pick<pg.Pool, 'query'>, table: string): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(`select count(*) as count from ${table}`);
  return Number(rows[0]?.count);
}
