import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { callerOf } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { goesOn, isReady, openArena, pagesOfACase, type Arena } from './arena.ts';

/** prlimit(1) stands on Linux alone. */
const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('limits of a process', () => {
  let arena: Arena;
  beforeAll(async () => {
    arena = await openArena();
  }, 180_000);
  afterAll(() => arena.close(), 180_000);

  test('without a file descriptor left it lives, refuses, and goes on once there are some', async () => {
    const pid = arena.system.processes.get('up')?.pid ?? 0;
    const load = arena.load();
    await goesOn(load);
    const client = new pg.Client({ connectionString: arena.system.databaseUrl });
    await client.connect();
    // A shop that cannot be asked for want of a descriptor is left alone for long: none is asked meanwhile.
    await eventually(
      async () => {
        const { rows } = await client.query(
          `select count(finished_at)::integer as finished, count(*)::integer as asked from scraping.requests`,
        );
        expect(rows).toEqual([{ finished: pagesOfACase, asked: pagesOfACase }]);
      },
      { withinMs: 60_000 },
    );
    const limits = await readFile(`/proc/${String(pid)}/limits`, 'utf8');
    const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(limits) ?? [];
    // A descriptor is the lowest free number: below three there is none.
    limit(pid, `3:${String(hard)}`);
    // Its connections end, and no descriptor is there for new ones.
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'daybook%'`,
    );
    await client.end();
    try {
      // What it cannot accept waits in the kernel, so that few are told.
      await eventually(() => expect(load.failures().length).toBeGreaterThanOrEqual(1), { withinMs: 30_000 });
    } finally {
      limit(pid, `${String(soft)}:${String(hard)}`);
    }
    await goesOn(load);
    expect(load.failures().filter((one) => ![503, 504, 'lost'].includes(one))).toEqual([]);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);

  test('50 MB at once are refused before they are read, also from many callers; memory stays flat', async () => {
    const pid = arena.system.processes.get('up')?.pid ?? 0;
    const load = arena.load();
    await goesOn(load);
    const raw = new Uint8Array(50 * 1024 * 1024).fill(0x20);
    const call = callerOf(arena.system.addresses);
    const four = async (): Promise<void> => {
      const statuses = Array.from({ length: 4 }, async () =>
        call('POST', '/v1/market/products', { raw, token: arena.person.token }).then(
          ({ status }) => status,
          // The answer may be cut off by the reset that follows what was not read.
          () => 413,
        ),
      );
      expect(new Set(await Promise.all(statuses))).toEqual(new Set([413]));
    };
    await four();
    // One round may take what the next one uses again.
    await eventually(
      async () => {
        const before = await residentMb(pid);
        await four();
        await four();
        expect((await residentMb(pid)) - before).toBeLessThan(60);
      },
      { withinMs: 60_000 },
    );
    await goesOn(load);
    expect(load.failures()).toEqual([]);
    await arena.clean();
  }, 240_000);
});

function limit(pid: number, files: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}`]);
}

async function residentMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) / 1_000;
}
