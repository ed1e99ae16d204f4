import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeEvents } from '@daybook/test/contracts/event-store.subject.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import {
  encryptionKey,
  fullHouse,
  quietDatabase,
  storeOf,
  type FullHouse,
  type House,
} from './house.fixture.ts';
import { makeBackup } from './make-backup.ts';
import { lookBeforeRestore, restoreBackup } from './restore-backup.ts';

let origin: FullHouse;
let branch: House;
beforeAll(async () => {
  origin = await fullHouse();
  branch = await quietDatabase();
}, 60_000);
afterAll(async () => {
  await branch.drop();
  await origin.drop();
});

async function backUp({ url }: House, name: string): Promise<string> {
  const into = join(origin.folder, name);
  const dataFolder = join(origin.folder, 'data');
  await makeBackup({ databaseUrl: url, dataFolder, into, product: '0.1.0', log: silentLog });
  return into;
}

async function record(
  { database }: House,
  stream: 'thing-more' | 'thing-other',
  count: number,
): Promise<void> {
  const store = storeOf(database);
  await store.append(stream, 'no-stream', makeEvents(count));
  await store.close();
}

test('later keys are those of the same line: what was restored from an earlier backup is another', async () => {
  const first = await backUp(origin, 'first');
  await restoreBackup({
    from: first,
    databaseUrl: branch.url,
    dataFolder: join(origin.folder, 'branch'),
    keys: { encryptionKey, formerEncryptionKeys: [] },
    log: silentLog,
  });
  await record(origin, 'thing-more', 2);
  const second = await backUp(origin, 'second');
  await record(branch, 'thing-other', 5);
  const ofBranch = await backUp(branch, 'of-branch');
  const look = (from: string, keysFrom: string): Promise<void> =>
    lookBeforeRestore({ from, keysFrom, log: silentLog });
  // The branch lacks the keys of whoever came between the two backups.
  await expect(look(second, ofBranch)).rejects.toMatchObject({ code: 'backup-invalid' });
  await look(first, ofBranch);
  await look(first, second);
});
