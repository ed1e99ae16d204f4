import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { expectDaybook, folderPath, holdServiceName, lockDataFolder, openDataFolder } from './data-folder.ts';
import { holdLock } from './folder-lock.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'daybook-folder-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

describe('which folder', () => {
  test('--data goes before DAYBOOK_DATA, which goes before .daybook', () => {
    expect(folderPath('/a', { DAYBOOK_DATA: '/b' })).toBe('/a');
    expect(folderPath(undefined, { DAYBOOK_DATA: '/b' })).toBe('/b');
    expect(folderPath(undefined, { DAYBOOK_DATA: '' })).toBe(join(process.cwd(), '.daybook'));
  });
});

describe('opening', () => {
  test('a new folder is made, an own one is opened again', async () => {
    const path = join(parent, 'deep', 'folder');
    expect((await openDataFolder(path)).created).toBe(true);
    expect((await openDataFolder(path)).created).toBe(false);
  });

  test.each([
    ['{"format":99}', 'newer Daybook'],
    ['{"format":0}', 'older Daybook'],
    ['nonsense', 'cannot be read'],
  ])('a folder with version %s is refused', async (version, sentence) => {
    await writeFile(join(parent, 'version.json'), version);
    await expect(openDataFolder(parent)).rejects.toMatchObject({
      code: 'data-folder-unusable',
      message: expect.stringContaining(sentence),
    });
  });

  test("somebody else's folder and a file are refused", async () => {
    await writeFile(join(parent, 'thesis.txt'), 'x');
    await expect(openDataFolder(parent)).rejects.toThrow('holds no Daybook');
    await expect(openDataFolder(join(parent, 'thesis.txt'))).rejects.toThrow('cannot be used');
    await expect(openDataFolder(join(parent, 'thesis.txt', 'in'))).rejects.toThrow('is a file');
  });
});

test('a folder in which no Daybook ran is refused and left as it is', async () => {
  const path = join(parent, 'none');
  expect(() => expectDaybook(path)).toThrow(
    `There is no Daybook in ${path}. Start one there with "daybook up`,
  );
  expect(await readdir(parent)).toEqual([]);
  expect(() => expectDaybook(parent)).toThrow('There is no Daybook');
});

describe('the name of a service that runs apart', () => {
  test('has one holder at a time, and is the same for the next', async () => {
    const folder = await openDataFolder(join(parent, 'data'));
    const first = await holdServiceName(folder, 'sagas');
    expect(await holdServiceName(folder, 'sagas')).toBeUndefined();
    const other = await holdServiceName(folder, 'scrapers');
    expect(other?.instance).not.toBe(first?.instance);
    await first?.release();
    const second = await holdServiceName(folder, 'sagas');
    expect(second?.instance).toBe(first?.instance);
    await second?.release();
    await other?.release();
  });
});

describe('the lock', () => {
  test('is held by one, and free after release', async () => {
    const folder = await openDataFolder(parent);
    const lock = await lockDataFolder(folder);
    await expect(lockDataFolder(folder)).rejects.toThrow(`process ${String(process.pid)}`);
    await lock.release();
    await lock.release();
    await (await lockDataFolder(folder)).release();
    expect(await readdir(parent)).toEqual(['version.json']);
  });

  test('of a dead process, of a reborn process id, or torn, is taken over', async () => {
    const path = join(parent, 'lock');
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    for (const left of [
      JSON.stringify({ pid: dead.pid, started: 'x:1' }),
      JSON.stringify({ pid: process.pid, started: 'another-boot:1' }),
      '{"pid":',
      '{}',
    ]) {
      await writeFile(path, left);
      const held = await holdLock(path);
      expect(held.ok).toBe(true);
      if (held.ok) await held.lock.release();
    }
  });
});
