import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { NewEvent } from '@daybook/kernel/event.ts';
import { makeEvents } from '@daybook/test/contracts/event-store.subject.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { diskObjects } from '../objects/disk-objects.ts';
import { checkBackup } from './check-backup.ts';
import { fullHouse, storeOf } from './house.fixture.ts';
import { makeBackup } from './make-backup.ts';
import { copyObjectsIn } from './stored-objects.ts';
import { fileFacts } from './table-copy.ts';

test('pages that events name and the data folder does not hold are counted in the manifest', async () => {
  const house = await fullHouse();
  try {
    const store = storeOf(house.database);
    const data = [house.objectHash, 'a'.repeat(64), null].map((snapshotHash) => ({
      snapshotHash,
      text: '\u0000',
    }));
    for (const [at, one] of data.entries()) {
      const [event] = makeEvents(1);
      await store.append(`page-${String(at)}`, 'no-stream', [{ ...event, data: one }]);
    }
    await store.close();
    const options = { databaseUrl: house.url, product: '0.1.0', log: silentLog };
    const right = { ...options, dataFolder: join(house.folder, 'data'), into: join(house.folder, 'right') };
    expect((await makeBackup(right)).objects).toMatchObject({ count: 1, missing: 1 });
    const wrong = { ...options, dataFolder: join(house.folder, 'other'), into: join(house.folder, 'wrong') };
    expect((await makeBackup(wrong)).objects).toMatchObject({ count: 0, missing: 2 });
    expect((await checkBackup(wrong.into)).objects.missing).toBe(2);
  } finally {
    await house.drop();
  }
});

test('pages of many folders are listed in order and come back, and nothing else is in the backup', async () => {
  const house = await fullHouse();
  try {
    const [data, into] = [join(house.folder, 'data'), join(house.folder, 'backup')];
    const pages = diskObjects(join(data, 'objects'));
    const more = Array.from({ length: 120 }, (_, n) => pages.put(Buffer.from(`page ${String(n)}`)));
    const hashes = [house.objectHash, ...(await Promise.all(more))];
    // What is being written, and what is somebody else's.
    await writeFile(join(data, 'objects', hashes[1]?.slice(0, 2) ?? '', `${hashes[1] ?? ''}.zst.1`), 'half');
    await writeFile(join(data, 'objects', 'ab.txt'), 'no page');
    await mkdir(join(data, 'objects', 'other'));
    const store = storeOf(house.database);
    const named = [...hashes, ...hashes, '0'.repeat(64), 'f'.repeat(64)];
    const [first, ...others] = makeEvents(named.length);
    const naming = (event: NewEvent, n: number): NewEvent => ({
      ...event,
      data: { snapshotHash: named[n] ?? '' },
    });
    await store.append('page-all', 'no-stream', [
      naming(first, 0),
      ...others.map((event, n) => naming(event, n + 1)),
    ]);
    await store.close();
    const { objects } = await makeBackup({
      databaseUrl: house.url,
      product: '0.1.0',
      log: silentLog,
      dataFolder: data,
      into,
    });
    expect(objects).toMatchObject({ count: 121, missing: 2 });
    expect((await readdir(into)).toSorted()).toEqual(['manifest.json', 'objects', 'objects.list', 'tables']);
    const lines: string[] = [];
    for (const path of hashes.map((hash) => `${hash.slice(0, 2)}/${hash}.zst`).toSorted()) {
      const { sha256, bytes } = await fileFacts(join(data, 'objects', path));
      lines.push(`${sha256} ${String(bytes)} ${path}\n`);
    }
    expect(await readFile(join(into, 'objects.list'), 'utf8')).toBe(lines.join(''));
    await checkBackup(into);
    await copyObjectsIn(into, join(house.folder, 'restored'));
    const restored = diskObjects(join(house.folder, 'restored', 'objects'));
    for (const hash of hashes) expect(await restored.get(hash)).not.toBeNull();
  } finally {
    await house.drop();
  }
});
