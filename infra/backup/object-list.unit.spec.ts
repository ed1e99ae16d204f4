import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { countMissing } from './named-pages.ts';
import { listedIn, readObjectList, writeObjectList, type ListedObject } from './object-list.ts';
import { checkObjects, copyObjectsIn } from './stored-objects.ts';
import { fileFacts } from './table-copy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-object-list-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const many = 300_000;
/** Entries that may be held at once, of however many. */
const bound = 2_000;

/** Each line of these entries is as long as the others. */
function entry(n: number): ListedObject {
  const hash = `${n.toString(16).padStart(8, '0')}${'e'.repeat(56)}`;
  return { path: `${hash.slice(0, 2)}/${hash}.zst`, bytes: 4_000 + (n % 1_000), sha256: 'a'.repeat(64) };
}

const lineOf = ({ sha256, bytes, path }: ListedObject): string => `${sha256} ${String(bytes)} ${path}\n`;

test('a long list is written as its entries come, and the sum taken as it goes is that of the file', async () => {
  const lineLength = lineOf(entry(0)).length;
  let most = 0;
  async function* entries(): AsyncGenerator<ListedObject, void, undefined> {
    for (let n = 0; n < many; n += 1) {
      if (n % 500 === 0) {
        const written = statSync(join(folder, 'objects.list')).size / lineLength;
        most = Math.max(most, n - written);
        await Promise.resolve();
      }
      yield entry(n);
    }
  }
  const objects = await writeObjectList(folder, entries());
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThan(bound);
  expect(objects).toMatchObject({ count: many, bytes: (many / 1_000) * (4_000 * 1_000 + 499_500) });
  expect(objects.list).toEqual({ path: 'objects.list', ...(await fileFacts(join(folder, 'objects.list'))) });
  let n = 0;
  for await (const read of readObjectList(folder)) {
    const { path, bytes } = entry(n);
    if (read.path !== path || read.bytes !== bytes)
      throw new Error(`Entry ${String(n)} was read as another.`);
    n += 1;
  }
  expect(n).toBe(many);
});

test('a long list is read as its parts come', async () => {
  let [made, read, most] = [0, 0, 0];
  async function* parts(): AsyncGenerator<string, void, undefined> {
    let text = '';
    while (made < many) {
      text += lineOf(entry(made));
      made += 1;
      // Parts end anywhere in a line.
      if (text.length < 65_536) continue;
      yield text.slice(0, 65_536);
      text = text.slice(65_536);
      await Promise.resolve();
    }
    yield text;
  }
  for await (const { path } of listedIn(parts())) {
    most = Math.max(most, made - read);
    if (path !== entry(read).path) throw new Error(`Entry ${String(read)} was read as another.`);
    read += 1;
  }
  expect(read).toBe(many);
  expect(most).toBeLessThan(bound);
});

test('what a list lacks of the named pages is counted in order', async () => {
  async function* entries(): AsyncGenerator<ListedObject, void, undefined> {
    for (let n = 0; n < 5_000; n += 1) if (n % 2 === 1) yield await Promise.resolve(entry(n));
  }
  await writeObjectList(folder, entries());
  const named = join(folder, 'named');
  const count = async (names: readonly number[]): Promise<number> => {
    await writeFile(named, names.map((n) => `${entry(n).path.slice(3, 67)}\n`).join(''));
    return countMissing(named, folder);
  };
  expect(await count([])).toBe(0);
  expect(await count([1, 3, 4_999])).toBe(0);
  expect(await count([0, 1, 2, 3, 4_998, 5_000, 5_001])).toBe(5);
  expect(await count([...Array(5_000).keys()])).toBe(2_500);
});

test('a list of several objects, as it was always written, is checked and restored', async () => {
  const [backup, data] = [join(folder, 'backup'), join(folder, 'data')];
  const pages = ['00', '7f', '7f1', 'ff'].map((begin, n) => ({
    path: `${begin.slice(0, 2)}/${begin.padEnd(64, '0')}.zst`,
    text: 'page'.repeat(n + 1),
  }));
  let list = '';
  for (const { path, text } of pages) {
    await mkdir(join(backup, 'objects', path.slice(0, 2)), { recursive: true });
    await writeFile(join(backup, 'objects', path), text);
    list += `${createHash('sha256').update(text).digest('hex')} ${String(text.length)} ${path}\n`;
  }
  await writeFile(join(backup, 'objects.list'), list);
  const facts = {
    count: 4,
    bytes: 40,
    list: { path: 'objects.list', bytes: list.length, sha256: '0'.repeat(64) },
  };
  await checkObjects(backup, facts);
  await expect(checkObjects(backup, { ...facts, count: 5 })).rejects.toMatchObject({
    code: 'backup-invalid',
    message: expect.stringContaining('another number'),
  });
  await copyObjectsIn(backup, data);
  for (const { path, text } of pages) expect(await readFile(join(data, 'objects', path), 'utf8')).toBe(text);
});

test.each([
  ['a path that leads elsewhere', `${'0'.repeat(64)} 5 ../secrets/ENCRYPTION_KEY\n`],
  ['a path twice', lineOf(entry(1)).repeat(2)],
  ['half a line', `${lineOf(entry(1))}${lineOf(entry(2)).slice(0, 100)}`],
  ['an empty line', `${lineOf(entry(1))}\n`],
])('a list with %s is damaged', async (_, list) => {
  await writeFile(join(folder, 'objects.list'), list);
  await expect(copyObjectsIn(folder, join(folder, 'data'))).rejects.toMatchObject({
    code: 'backup-invalid',
    message: 'The objects.list of the backup is damaged.',
  });
});
