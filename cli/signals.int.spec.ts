import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { exitCodes } from './sentences.ts';

const fixture = fileURLToPath(new URL('command-in-the-middle.fixture.ts', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-signals-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['Ctrl-C', 'wait', exitCodes.forced],
  ['a reader that leaves', 'print', exitCodes.unread],
])(
  '%s in the middle of a command stops the server that it started',
  async (_, work, code) => {
    const child = spawn(process.execPath, [fixture, folder, work], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    expect(existsSync(join(folder, 'lock'))).toBe(true);
    if (work === 'wait') child.kill('SIGINT');
    else child.stdout.destroy();
    expect(await ended).toEqual([code, null]);
    expect(existsSync(join(folder, 'lock'))).toBe(false);
    expect(existsSync(join(folder, 'postgres', 'data', 'postmaster.pid'))).toBe(false);
  },
  60_000,
);
