import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { openDatabase } from './database.ts';
import { runningEmbeddedPostgres } from './embedded.ts';
import { keepEmbeddedPostgres } from './kept-postgres.ts';

test('a killed server comes back under the same URL with what was committed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-kept-'));
  const server = await keepEmbeddedPostgres({ folder, log: silentLog });
  const database = openDatabase({ url: server.url, log: silentLog });
  try {
    expect(await runningEmbeddedPostgres(folder)).toBe(server.url);
    await database.pool.query('create table kept (n int); insert into kept values (1)');
    process.kill(server.pid, 'SIGKILL');
    await eventually(
      async () => {
        const { rows } = await database.pool.query('select n from kept');
        expect(rows).toEqual([{ n: 1 }]);
        const pid = Number((await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);
        expect(pid).not.toBe(server.pid);
      },
      { withinMs: 20_000 },
    );
  } finally {
    await database.close();
    await server.stop();
    expect(await runningEmbeddedPostgres(folder)).toBeUndefined();
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
