import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fullHouse, quietDatabase, storeOf, type FullHouse } from '@daybook/infra/backup/house.fixture.ts';
import { makeBackup } from '@daybook/infra/backup/make-backup.ts';
import { makeEvents } from '@daybook/test/contracts/event-store.subject.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { restore } from './restore.ts';

let origin: FullHouse;
let backup: string;
beforeAll(async () => {
  origin = await fullHouse();
  backup = join(origin.folder, 'backup');
  await makeBackup({
    databaseUrl: origin.url,
    dataFolder: join(origin.folder, 'data'),
    into: backup,
    product: '0.1.0',
    withSecrets: true,
    log: silentLog,
  });
}, 60_000);
afterAll(() => origin.drop());

/** Restores into a folder that is not there, with the database of DATABASE_URL. */
async function refusedInto(databaseUrl: string, keys?: string): Promise<{ error: unknown; made: boolean }> {
  const data = join(origin.folder, crypto.randomUUID());
  const former = process.env['DATABASE_URL'];
  process.env['DATABASE_URL'] = databaseUrl;
  try {
    const error = await restore(backup, { data, ...(keys === undefined ? {} : { keys }) }).catch(
      (thrown: unknown) => thrown,
    );
    return { error, made: existsSync(data) };
  } finally {
    if (former === undefined) delete process.env['DATABASE_URL'];
    else process.env['DATABASE_URL'] = former;
  }
}

test('a restore over live data is refused before a folder or a key is made', async () => {
  const target = await quietDatabase();
  try {
    const store = storeOf(target.database);
    await store.append('thing-1', 'no-stream', makeEvents(1));
    await store.close();
    const { error, made } = await refusedInto(target.url);
    expect(error).toMatchObject({ code: 'maintenance-refused' });
    expect(made).toBe(false);
  } finally {
    await target.drop();
  }
});

test('keys that are no backup are refused before a folder or a key is made', async () => {
  const target = await quietDatabase();
  try {
    const { error, made } = await refusedInto(target.url, join(origin.folder, 'nowhere'));
    expect(error).toMatchObject({ code: 'backup-invalid' });
    expect(made).toBe(false);
  } finally {
    await target.drop();
  }
});
