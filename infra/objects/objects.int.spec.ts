import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ObjectStore } from '@daybook/kernel/ports/outside.ts';
import { objectHash } from './compressed.ts';
import { diskObjects } from './disk-objects.ts';
import { memoryObjects } from './memory-objects.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-objects-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const stores: readonly [string, () => ObjectStore][] = [
  ['memory', memoryObjects],
  ['disk', () => diskObjects(folder)],
];

describe.each(stores)('%s objects', (_, make) => {
  test('come back as they were, by the hash of their bytes', async () => {
    const store = make();
    const bytes = Buffer.from('<html>'.repeat(1_000));
    const hash = await store.put(bytes);
    expect(hash).toBe(objectHash(bytes));
    expect(Buffer.from((await store.get(hash)) ?? []).equals(bytes)).toBe(true);
  });

  test('may be empty', async () => {
    const store = make();
    expect(await store.get(await store.put(new Uint8Array()))).toHaveLength(0);
  });

  test('are stored once however often they are put, also at the same time', async () => {
    const store = make();
    const hashes = await Promise.all(Array.from({ length: 20 }, () => store.put(Buffer.from('same'))));
    expect(new Set(hashes).size).toBe(1);
  });

  test.each(['0'.repeat(64), 'nonsense', '../../etc/passwd'])('an unknown one (%s) is null', async (hash) => {
    expect(await make().get(hash)).toBeNull();
  });

  test('do not change when the caller changes its bytes', async () => {
    const store = make();
    const bytes = Buffer.from('first');
    const hash = await store.put(bytes);
    bytes.write('other');
    expect(Buffer.from((await store.get(hash)) ?? []).toString()).toBe('first');
  });
});

describe('disk objects', () => {
  test('are compressed, and nothing unfinished stays', async () => {
    const hash = await diskObjects(folder).put(Buffer.alloc(100_000, 'x'));
    const inside = await readdir(join(folder, hash.slice(0, 2)));
    expect(inside).toEqual([`${hash}.zst`]);
    expect((await readFile(join(folder, hash.slice(0, 2), `${hash}.zst`))).length).toBeLessThan(1_000);
  });

  test('that were altered are not answered, and are restored by the next put', async () => {
    const store = diskObjects(folder);
    const hash = await store.put(Buffer.from('true'));
    const lie = await store.put(Buffer.from('false'));
    const file = (name: string): string => join(folder, name.slice(0, 2), `${name}.zst`);
    await writeFile(file(hash), await readFile(file(lie)));
    expect(await store.get(hash)).toBeNull();
    await store.put(Buffer.from('true'));
    expect(Buffer.from((await store.get(hash)) ?? []).toString()).toBe('true');
    await writeFile(file(hash), 'torn');
    expect(await store.get(hash)).toBeNull();
  });

  test('are put again where somebody removed the emptied folder', async () => {
    const store = diskObjects(folder);
    const bytes = Buffer.from('page');
    const hash = await store.put(bytes);
    await rm(join(folder, hash.slice(0, 2)), { recursive: true });
    expect(await Promise.all([1, 2, 3].map(() => store.put(bytes)))).toEqual([hash, hash, hash]);
    expect(Buffer.from((await store.get(hash)) ?? []).equals(bytes)).toBe(true);
  });

  test('that cannot be written say so', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(diskObjects(join(folder, 'file')).put(Buffer.from('x'))).rejects.toMatchObject({
      code: 'data-folder-unusable',
    });
  });
});
