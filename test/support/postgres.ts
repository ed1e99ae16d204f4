import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { silentLog } from './silent-log.ts';

/** Environment variable by which the global set-up tells the workers where the server is. */
export const serverVariable = 'DAYBOOK_TEST_POSTGRES';
export const templateName = 'daybook_template';

/** A migrated database of its own, cloned from the template. `drop` closes it and removes it. */
export async function freshDatabase(
  options: { poolSize?: number; statementTimeoutMs?: number } = {},
): Promise<{ database: Database; url: string; drop: () => Promise<void> }> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await onServer(`create database ${name} template ${templateName} strategy file_copy`);
  const url = serverUrl(name);
  const database = openDatabase({ url, log: silentLog, ...options });
  return {
    database,
    url,
    drop: async () => {
      await database.close();
      await onServer(`drop database if exists ${name} with (force)`);
    },
  };
}

/** URL of a database on the test run's server. */
export function serverUrl(name: string): string {
  const server = process.env[serverVariable];
  if (server === undefined) {
    throw new Error(
      `No test server: run integration tests by "npm run test:int" (${serverVariable} is not set).`,
    );
  }
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl('postgres') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
