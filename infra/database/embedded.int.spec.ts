import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
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

test('a port that somebody else takes first is left to them; one that was asked for is told of', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-embedded-'));
  const listening = async (): Promise<[Server, number]> => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return [server, (server.address() as AddressInfo).port];
  };
  const [other, taken] = await listening();
  let asked = 0;
  try {
    const options = { folder, log: silentLog };
    await expect(startEmbeddedPostgres({ ...options, port: taken })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('Address already in use'),
    });
    const freePort = async (): Promise<number> => {
      if ((asked += 1) === 1) return taken;
      const [free, port] = await listening();
      free.close();
      return port;
    };
    const server = await startEmbeddedPostgres({ ...options, freePort });
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(asked).toBeGreaterThan(1);
    await server.stop();
  } finally {
    other.close();
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);

test('a server that still recovers from a crash is waited for, not stopped', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-embedded-'));
  const options = { folder, log: silentLog };
  await (await startEmbeddedPostgres(options)).stop();
  let asked = 0;
  const recovering = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      asked += 1;
      socket.end(refusal('57P03', 'the database system is starting up'));
    });
  });
  await new Promise<void>((listening) => recovering.listen(0, '127.0.0.1', listening));
  const { port } = recovering.address() as AddressInfo;
  const left = spawn('sleep', ['600']);
  const ended = new Promise((end) => left.once('exit', (_, signal) => end(signal)));
  try {
    await writeFile(join(folder, 'data/postmaster.pid'), `${String(left.pid)}\ndata\n0\n${String(port)}\n`);
    const starting = startEmbeddedPostgres(options);
    await eventually(() => expect(asked).toBeGreaterThan(2));
    left.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    await (await starting).stop();
  } finally {
    left.kill('SIGKILL');
    recovering.close();
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);

/** https://www.postgresql.org/docs/current/protocol-message-formats.html: ErrorResponse */
function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}

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
