import { chown, mkdir } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { goesOn, isReady, onlyPassing, openArena, type Arena } from './arena.ts';
import { startServer, type Server } from './server.ts';
import { mountSmallDisk, whyNoSmallDisk, type SmallDisk } from './small-disk.ts';

const reason = await whyNoSmallDisk();
if (reason !== undefined) process.stdout.write(`    skipped: no small disk can be mounted (${reason})\n`);
const withSmallDisk = reason === undefined ? describe : describe.skip;

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
}, 180_000);

async function diskOf(megabytes: number): Promise<SmallDisk> {
  const disk = await mountSmallDisk(megabytes);
  open.push(disk.remove);
  return disk;
}

async function arenaOn(server: Server): Promise<Arena> {
  open.push(server.stop);
  const arena = await openArena({ databaseUrl: server.url, env: { DB_STATEMENT_TIMEOUT: '3s' } });
  open.push(arena.close);
  return arena;
}

async function administer(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

withSmallDisk('a disk that is full', () => {
  test('of data: appends are refused, nothing is stored in part, reads go on, and space mends it alone', async () => {
    const disk = await diskOf(64);
    const server = await startServer();
    const arena = await arenaOn(server);
    const space = join(disk.path, 'log');
    const { uid, gid } = await stat(join(server.folder, 'data'));
    await mkdir(space, { mode: 0o700 });
    await chown(space, uid, gid);
    await administer(server.url, `create tablespace small location '${space}'`);
    await administer(server.url, 'alter table log.events set tablespace small');
    const load = arena.load();
    await goesOn(load);
    await disk.fill();
    await eventually(() => expect(load.failures().length).toBeGreaterThanOrEqual(20), { withinMs: 60_000 });
    expect((await arena.person.call('GET', '/v1/market/overview')).status).toBe(200);
    expect(load.failures()).toContain(503);
    await disk.free();
    await goesOn(load);
    onlyPassing(load);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);

  test('of everything, the write-ahead log too: it goes down, comes back with space, and nothing acknowledged is lost', async () => {
    const disk = await diskOf(400);
    const folder = join(disk.path, 'postgres');
    await mkdir(folder);
    const small = { min_wal_size: '32MB', max_wal_size: '64MB', wal_keep_size: '0' };
    const server = await startServer(small, folder);
    const arena = await arenaOn(server);
    const load = arena.load();
    await goesOn(load);
    await disk.fill();
    // Fills the segments that stand ready, as hours of traffic would.
    const fill = `select pg_logical_emit_message(false, 'fill', repeat('x', 4000000)) from generate_series(1, 40)`;
    await eventually(
      async () => {
        await administer(server.url, fill).catch(() => undefined);
        expect(load.failures().length).toBeGreaterThanOrEqual(20);
      },
      { withinMs: 60_000 },
    );
    await disk.free();
    await goesOn(load);
    onlyPassing(load);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);
});
