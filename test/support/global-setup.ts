import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { startEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { migrate } from '@daybook/infra/database/migrate.ts';
import { silentLog } from './silent-log.ts';
import { serverUrl, serverVariable, templateName } from './postgres.ts';

/** Starts one PostgreSQL for the whole run and builds the template that every test clones. Answers with the stop. */
export async function startTestPostgres(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-test-'));
  // Durability is the subject of the kill tests, which run servers of their own.
  const server = await startEmbeddedPostgres({
    folder,
    log: silentLog,
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '400' },
  });
  process.env[serverVariable] = server.url;
  const client = new pg.Client({ connectionString: serverUrl('postgres') });
  await client.connect();
  await client.query(`create database ${templateName}`);
  await client.end();
  const template = openDatabase({ url: serverUrl(templateName), log: silentLog });
  await migrate(template);
  await template.close();
  return async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
