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
      const database = openDatabase({ url: await create(), log: silentLog, ...options });
      opened.push(database);
      await migrate(database);
      return database;
    },
    close: async () => {
      await Promise.all(opened.map((database) => database.close()));
    },
  };
}
