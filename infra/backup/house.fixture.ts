/** A house in which something of everything stands, for tests of backups. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewEvent } from '@daybook/kernel/event.ts';
import { makeEvents } from '@daybook/test/contracts/event-store.subject.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { openDatabase, type Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { postgresEventStore } from '../event-store/postgres.ts';
import { diskObjects } from '../objects/disk-objects.ts';
import { postgresTopics } from '../topics/postgres-topics.ts';
import { postgresVault } from '../vault/postgres.ts';

export const encryptionKey = randomBytes(32).toString('base64');

export type House = Readonly<{ database: Database; url: string; drop: () => Promise<void> }>;

/** A house with its data folder (`data` in `folder`), a sealed name of the subject `ada`, and a stored page. */
export type FullHouse = House & Readonly<{ folder: string; sealed: string; objectHash: string }>;

/** Builds the house; `drop` removes it, folder and all. */
export async function fullHouse(): Promise<FullHouse> {
  const house = await freshDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'daybook-backup-'));
  const { database } = house;
  const store = storeOf(database);
  await store.append('thing-1', 'no-stream', makeEvents(1_200));
  await store.append('thing-2', 'no-stream', [strangeEvent()]);
  await store.close();
  const sealed = await vaultOf(database).seal({ kind: 'subject', id: 'ada' }, 'Ada Lovelace');
  const objectHash = await diskObjects(join(folder, 'data', 'objects')).put(Buffer.from('<p>a page</p>'));
  await mkdir(join(folder, 'data', 'secrets'), { recursive: true });
  await writeFile(join(folder, 'data', 'secrets', 'ENCRYPTION_KEY'), `${encryptionKey}\n`);
  const topics = postgresTopics({ database, wakeups: memoryWakeups(), log: silentLog });
  await topics.ensure('things', { partitions: 2 });
  await topics.publish('things', [{ key: 'a', headers: { a: 'b' }, value: Buffer.from([0, 1, 92, 10]) }]);
  await topics.close();
  await database.pool.query(`
    insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata, lease, leased_until)
    values (gen_random_uuid(), 'p', 't', 'i', '{}', '{}', gen_random_uuid(), now() + interval '1 hour');
    insert into runtime.checkpoints (consumer, version, partition, position)
    values ('process p', 1, 0, '00000000000000000007'), ('things', 2, 0, '00000000000000000007')`);
  return {
    ...house,
    folder,
    sealed,
    objectHash,
    drop: async () => {
      await house.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A database to which nobody is connected under a name of Daybook's. */
export async function quietDatabase(): Promise<House> {
  const { database: busy, url, drop } = await freshDatabase();
  await busy.close();
  const database = openDatabase({ url, applicationName: 'a test', log: silentLog });
  return {
    database,
    url,
    drop: async () => {
      await database.close();
      await drop();
    },
  };
}

/** A store on the log of a database. */
export function storeOf(database: Database): ReturnType<typeof postgresEventStore> {
  return postgresEventStore({ database, wakeups: memoryWakeups(), log: silentLog });
}

/** The vault of a database, under the key of the fixture. */
export function vaultOf(database: Database): ReturnType<typeof postgresVault> {
  return postgresVault({ database, keyEncryptionKey: encryptionKey });
}

/** Texts at which an escape could go wrong. */
function strangeEvent(): NewEvent {
  const data = { text: 'tab\t line\n back\\slash \u2028 \\N \\. ü 🙂', nested: { empty: {}, none: null } };
  return { ...makeEvents(1)[0], data };
}
