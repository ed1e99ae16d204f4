import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { makeEvents } from '@daybook/test/contracts/event-store.subject.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { checkBackup } from './check-backup.ts';
import { fullHouse, storeOf } from './house.fixture.ts';
import { makeBackup } from './make-backup.ts';

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
