import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { copyDurably } from './durable-files.ts';
import { copyObjectsIn } from './stored-objects.ts';

let folder: string;
let from: string;
let to: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-durable-'));
  [from, to] = [join(folder, 'from'), join(folder, 'to')];
  await writeFile(from, 'whole');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a copy that died half-way is made anew, and leaves nothing beside', async () => {
  await writeFile(`${to}.part`, 'wh', { mode: 0o400 });
  await copyDurably(from, to);
  expect(await readFile(to, 'utf8')).toBe('whole');
  expect((await readdir(folder)).toSorted()).toEqual(['from', 'to']);
});

test('the copy of a read-only file can be written, and copied once more', async () => {
  await chmod(from, 0o400);
  await copyDurably(from, to);
  expect((await stat(to)).mode & 0o777).toBe(0o600);
  await copyDurably(to, join(folder, 'again'));
  expect(await readFile(join(folder, 'again'), 'utf8')).toBe('whole');
});

test('a file that is there is left as it is', async () => {
  await writeFile(to, 'kept');
  await expect(copyDurably(from, to)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await readFile(to, 'utf8')).toBe('kept');
});

test('a restore that died within a stored object is begun again', async () => {
  const [backup, data] = [join(folder, 'backup'), join(folder, 'data')];
  const path = `ab/ab${'0'.repeat(62)}.zst`;
  for (const root of [backup, data]) await mkdir(join(root, 'objects', 'ab'), { recursive: true });
  await writeFile(join(backup, 'objects', path), 'whole');
  await writeFile(join(backup, 'objects.list'), `${'0'.repeat(64)} 5 ${path}\n`);
  await writeFile(join(data, 'objects', path), 'wh');
  await copyObjectsIn(backup, data);
  await copyObjectsIn(backup, data);
  expect(await readFile(join(data, 'objects', path), 'utf8')).toBe('whole');
});
