import { randomBytes } from 'node:crypto';
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
async function refusedInto(
  databaseUrl: string,
  { keys, encryptionKey }: { keys?: string; encryptionKey?: string } = {},
): Promise<{ error: unknown; made: boolean }> {
  const data = join(origin.folder, crypto.randomUUID());
  const former = process.env['DATABASE_URL'];
  process.env['DATABASE_URL'] = databaseUrl;
  if (encryptionKey !== undefined) process.env['ENCRYPTION_KEY'] = encryptionKey;
  try {
    const error = await restore(backup, { data, ...(keys === undefined ? {} : { keys }) }).catch(
      (thrown: unknown) => thrown,
    );
    return { error, made: existsSync(data) };
  } finally {
    if (encryptionKey !== undefined) delete process.env['ENCRYPTION_KEY'];
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
    const { error, made } = await refusedInto(target.url, { keys: join(origin.folder, 'nowhere') });
    expect(error).toMatchObject({ code: 'backup-invalid' });
    expect(made).toBe(false);
  } finally {
    await target.drop();
  }
});

test('another ENCRYPTION_KEY is refused before a folder is made', async () => {
  const target = await quietDatabase();
  try {
    const encryptionKey = randomBytes(32).toString('base64');
    const { error, made } = await refusedInto(target.url, { encryptionKey });
    expect(error).toMatchObject({ code: 'key-unknown' });
    expect(made).toBe(false);
  } finally {
    await target.drop();
  }
});

test('keys of another installation are refused before a folder is made', async () => {
  const [target, stranger] = [await quietDatabase(), await fullHouse()];
  try {
    // Databases of tests are copies of one, with its log.
    await stranger.database.pool.query('update log.epochs set log_id = gen_random_uuid()');
    const keys = join(origin.folder, 'of-a-stranger');
    await makeBackup({
      databaseUrl: stranger.url,
      dataFolder: join(stranger.folder, 'data'),
      into: keys,
      product: '0.1.0',
      log: silentLog,
    });
    const { error, made } = await refusedInto(target.url, { keys });
    expect(error).toMatchObject({ code: 'backup-invalid' });
    expect(made).toBe(false);
  } finally {
    await stranger.drop();
    await target.drop();
  }
});
