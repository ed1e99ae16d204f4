import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, test } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryLog } from '../logging/memory-log.ts';
import { startEmbeddedPostgres } from './embedded.ts';
import { throughClosedFolders } from './server-programs.ts';

async function query<T>(url: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows as T[];
}

test('the embedded server keeps its data over a restart, takes over a running one, and survives kill -9', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-embedded-'));
  const options = { folder, log: silentLog };
  try {
    const first = await startEmbeddedPostgres(options);
    await query(first.url, 'create table kept (n int)');
    await query(first.url, 'insert into kept values (1)');
    const second = await startEmbeddedPostgres(options);
    expect(second.pid).toBe(first.pid);
    process.kill(first.pid, 'SIGKILL');
    const third = await startEmbeddedPostgres(options);
    expect(await query(third.url, 'select n from kept')).toEqual([{ n: 1 }]);
    await third.stop();
    await third.stop();
    const fourth = await startEmbeddedPostgres(options);
    expect(await query(fourth.url, 'select n from kept')).toEqual([{ n: 1 }]);
    await fourth.stop();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);

test('a server whose killed forerunner has not left yet waits for it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-embedded-'));
  const log = memoryLog();
  const options = { folder, log };
  const client = new pg.Client({ connectionString: (await startEmbeddedPostgres(options)).url });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const backend = rows[0]?.pid ?? 0;
  try {
    const first = await startEmbeddedPostgres(options);
    process.kill(backend, 'SIGSTOP');
    process.kill(first.pid, 'SIGKILL');
    const second = startEmbeddedPostgres(options);
    await eventually(() => {
      expect(log.lines.map(({ message }) => message)).toContain(
        'A killed PostgreSQL has not left yet and is waited for.',
      );
    });
    process.kill(backend, 'SIGCONT');
    await (await second).stop();
  } finally {
    await client.end().catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);

test('a folder that is a file is refused in plain words', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-embedded-'));
  await writeFile(join(folder, 'file'), '');
  await expect(startEmbeddedPostgres({ folder: join(folder, 'file'), log: silentLog })).rejects.toMatchObject(
    { code: 'data-folder-unusable' },
  );
  await rm(folder, { recursive: true, force: true });
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot(
  'a program started as another user finds its own file in a folder that is closed to that user',
  async () => {
    const closed = await mkdtemp(join(tmpdir(), 'daybook-closed-'));
    const file = join(closed, 'program');
    await writeFile(file, '', { mode: 0o755 });
    const [nobody, look] = [65_534, `require('node:fs').accessSync(${JSON.stringify(file)}, 1)`];
    try {
      await promisify(execFile)('setpriv', [
        ...throughClosedFolders(nobody, nobody),
        process.execPath,
        '-e',
        look,
      ]);
    } finally {
      await rm(closed, { recursive: true, force: true });
    }
  },
);
