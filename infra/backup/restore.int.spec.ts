import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { makeEvents } from '@daybook/test/contracts/event-store.subject.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { openDatabase, type Database } from '../database/database.ts';
import { appliedMigrations, migrate } from '../database/migrate.ts';
import { migrationNames, readMigration } from '../database/migration-file.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import type { FailpointName } from '../failpoints/names.ts';
import { diskObjects } from '../objects/disk-objects.ts';
import { checkBackup } from './check-backup.ts';
import {
  encryptionKey,
  fullHouse,
  quietDatabase,
  storeOf,
  vaultOf,
  type FullHouse,
  type House,
} from './house.fixture.ts';
import { makeBackup, type BackupOptions } from './make-backup.ts';
import { restoreBackup, type RestoreOptions } from './restore-backup.ts';
import { keptTables, leftOut, ownSchemas } from './tables.ts';

const keys = { encryptionKey, formerEncryptionKeys: [] };

let origin: FullHouse;
let folder: string;
let sealed: string;
let objectHash: string;
beforeAll(async () => {
  origin = await fullHouse();
  ({ folder, sealed, objectHash } = origin);
}, 60_000);
afterAll(() => origin.drop());

let target: House;
beforeEach(async () => {
  target = await quietDatabase();
});
afterEach(() => target.drop());

const place = (): string => join(folder, randomUUID());

async function backUp(options: Partial<BackupOptions> = {}): Promise<string> {
  const into = place();
  await makeBackup({
    databaseUrl: origin.url,
    dataFolder: join(folder, 'data'),
    into,
    product: '0.1.0',
    log: silentLog,
    ...options,
  });
  return into;
}

function restore(from: string, options: Partial<RestoreOptions> = {}): ReturnType<typeof restoreBackup> {
  return restoreBackup({
    from,
    databaseUrl: target.url,
    dataFolder: place(),
    keys,
    log: silentLog,
    ...options,
  });
}

/** Everything that a backup is to bring back, as one text. */
async function everything({ pool }: Database): Promise<string> {
  const tables = (await keptTables(pool)).filter(({ name }) => name !== 'log.epochs');
  const texts: string[] = [];
  for (const { name, columns } of tables) {
    const { rows } = await pool.query(`select ${columns.map((c) => `"${c}"::text`).join(', ')} from ${name}`);
    texts.push(
      `${name}: ${rows
        .map((row) => JSON.stringify(row))
        .sort()
        .join('\n')}`,
    );
  }
  return texts.join('\n');
}

const forgotten = `delete from runtime.checkpoints where consumer = 'things'; update runtime.effects set lease = null, leased_until = null`;

test('a backup brings everything back, into a new epoch of the same log', async () => {
  const from = await backUp();
  const dataFolder = place();
  const { manifest, identity } = await restore(from, { dataFolder });
  const before = storeOf(origin.database);
  const after = storeOf(target.database);
  expect(manifest.log).toMatchObject({ events: 1_201, lastPosition: await before.head() });
  expect(identity.log).toBe((await before.identity()).log);
  expect(identity.epoch).not.toBe((await before.identity()).epoch);
  expect(await after.identity()).toEqual(identity);
  expect(await vaultOf(target.database).open(sealed)).toBe('Ada Lovelace');
  expect(String(await diskObjects(join(dataFolder, 'objects')).get(objectHash))).toBe('<p>a page</p>');
  // Sequences go on behind what was restored.
  await target.database.pool.query(
    `insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata)
     values (gen_random_uuid(), 'p', 't', 'i', '{}', '{}')`,
  );
  const { rows } = await target.database.pool.query<{ seq: number }>(
    'select seq from runtime.effects order by seq',
  );
  expect(rows).toHaveLength(2);
  await target.database.pool.query('delete from runtime.effects where seq = $1', [rows[1]?.seq]);
  // The log goes on behind its end, and is as immutable as before.
  expect(
    (await after.append('thing-3', 'no-stream', makeEvents(1))).position > manifest.log.lastPosition,
  ).toBe(true);
  await expect(target.database.pool.query('delete from log.events')).rejects.toThrow('immutable');
  await Promise.all([before.close(), after.close()]);
});

test('what is restored is what was backed up, but for leases and read models', async () => {
  await restore(await backUp());
  const copy = await quietDatabase();
  await restore(await backUp(), { databaseUrl: copy.url });
  expect(await everything(copy.database)).toBe(await everything(target.database));
  const restored = await everything(target.database);
  const client = await origin.database.pool.connect();
  await client.query('begin');
  await client.query(forgotten);
  expect(restored).toBe(
    await everything({ ...origin.database, pool: client as unknown as Database['pool'] }),
  );
  await client.query('rollback');
  client.release();
  await copy.drop();
});

test('writers go on during a backup, and it holds exactly what stood at one moment', async () => {
  const store = storeOf(origin.database);
  const stop = new AbortController();
  const writing = (async () => {
    for (let n = 0; !stop.signal.aborted; n += 1)
      await store.append(`busy-${String(n)}`, 'any', makeEvents(3));
  })();
  const from = await backUp();
  stop.abort();
  await writing;
  const { manifest } = await restore(from);
  const restored = storeOf(target.database);
  expect(await restored.head()).toBe(manifest.log.lastPosition);
  expect((await store.at(await restored.head()))?.id).toBe((await restored.at(await restored.head()))?.id);
  const { rows } = await target.database.pool.query<{ part: number }>(
    `select count(*) % 3 as part from log.events where stream like 'busy-%'`,
  );
  expect(rows[0]?.part).toBe(0);
  await Promise.all([store.close(), restored.close()]);
});

test('a backup names no secret, unless it is asked to', async () => {
  const from = await backUp();
  const names = await readdir(from, { recursive: true });
  expect(names.filter((name) => name.includes('secret'))).toEqual([]);
  expect(await readFile(join(from, 'manifest.json'), 'utf8')).not.toContain(encryptionKey);
  const open = await backUp({ withSecrets: true });
  expect(await readFile(join(open, 'secrets', 'ENCRYPTION_KEY'), 'utf8')).toBe(`${encryptionKey}\n`);
  await checkBackup(open);
  await expect(backUp({ withSecrets: true, dataFolder: place() })).rejects.toMatchObject({
    code: 'maintenance-refused',
  });
});

test('every table is in a backup, or left out with a reason', async () => {
  const { rows } = await target.database.pool.query<{ name: string }>(
    `select schemaname || '.' || tablename as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema', 'read')
       and to_regclass(schemaname || '.' || tablename) in (select oid from pg_class where relpersistence = 'p')`,
  );
  const kept = (await keptTables(target.database.pool)).map(({ name }) => name);
  expect([...kept, ...Object.keys(leftOut)].sort()).toEqual(rows.map(({ name }) => name).sort());
  // Rows come in the order of a key: the same rows are the same text.
  for (const { name, key } of await keptTables(target.database.pool))
    expect([name, key.length > 0]).toEqual([name, true]);
  const schemas = await target.database.pool.query<{ name: string }>(
    `select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')`,
  );
  expect(schemas.rows.map(({ name }) => name).sort()).toEqual([...ownSchemas].sort());
});

describe('a backup that is not whole changes nothing', () => {
  const damages: readonly (readonly [string, (from: string) => Promise<void>, RegExp])[] = [
    [
      'an altered file',
      (from) => flip(join(from, 'tables/log.events.copy.zst')),
      /log\.events.*altered or is damaged/,
    ],
    [
      'a truncated file',
      (from) => truncate(join(from, 'tables/vault.data_keys.copy.zst'), 10),
      /vault\.data_keys.*damaged/,
    ],
    [
      'a missing file',
      (from) => rm(join(from, 'tables/topics.messages.copy.zst')),
      /topics\.messages.*is missing/,
    ],
    ['an altered manifest', (from) => edit(from, '"events": ', '"events": 9'), /manifest\.json.*altered/],
    ['a truncated manifest', (from) => truncate(join(from, 'manifest.json'), 200), /manifest\.json.*damaged/],
    ['no manifest', (from) => rm(join(from, 'manifest.json')), /There is no backup in/],
    [
      'a missing object',
      async (from) => rm(join(from, 'objects', objectHash.slice(0, 2)), { recursive: true }),
      /objects\/.*is missing/,
    ],
    [
      'an altered object',
      (from) => appendFile(join(from, 'objects', objectHash.slice(0, 2), `${objectHash}.zst`), 'x'),
      /objects\/.*damaged/,
    ],
    ['an altered list', (from) => writeFile(join(from, 'objects.list'), ''), /objects\.list.*damaged/],
  ];
  test.each(damages)('%s', async (_, damage, says) => {
    const from = await backUp();
    await damage(from);
    const dataFolder = place();
    await expect(restore(from, { dataFolder })).rejects.toMatchObject({
      code: 'backup-invalid',
      message: expect.stringMatching(says),
    });
    expect(await migrate(target.database)).toEqual([]);
    expect(existsSync(dataFolder)).toBe(false);
  });

  async function flip(path: string): Promise<void> {
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(path, bytes);
  }

  async function edit(from: string, what: string, by: string): Promise<void> {
    const path = join(from, 'manifest.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace(what, by));
  }
});

describe('a restore that has to be refused', () => {
  test('of a newer Daybook: a migration that this code does not know', async () => {
    await origin.database.pool.query(
      `insert into runtime.migrations (name, batch, migration_time) values ('9999-later.sql', 99, now())`,
    );
    const from = await backUp();
    await origin.database.pool.query(`delete from runtime.migrations where name = '9999-later.sql'`);
    await expect(restore(from)).rejects.toMatchObject({
      code: 'backup-invalid',
      message: expect.stringMatching(/newer Daybook.*9999-later/),
    });
  });

  test('without the key that wraps the data keys', async () => {
    const other = { encryptionKey: randomBytes(32).toString('base64'), formerEncryptionKeys: [] };
    const from = await backUp();
    await expect(restore(from, { keys: other })).rejects.toMatchObject({
      code: 'key-unknown',
      message: expect.stringContaining('another ENCRYPTION_KEY'),
    });
    const { identity } = await restore(from, { keys: { ...other, formerEncryptionKeys: [encryptionKey] } });
    expect(identity.epoch).toMatch(/^2\./);
  });

  test('over events', async () => {
    const store = storeOf(target.database);
    await store.append('thing-live', 'no-stream', makeEvents(1));
    await store.close();
    const before = await everything(target.database);
    await expect(restore(await backUp())).rejects.toMatchObject({
      code: 'maintenance-refused',
      message: expect.stringContaining('never writes over'),
    });
    expect(await everything(target.database)).toBe(before);
  });

  test('where a Daybook is connected', async () => {
    const running = openDatabase({ url: target.url, applicationName: 'projectors', log: silentLog });
    await running.pool.query('select 1');
    await expect(restore(await backUp())).rejects.toMatchObject({
      code: 'maintenance-refused',
      message: expect.stringMatching(/A Daybook is running on this database \(.*projectors/),
    });
    await running.close();
  });

  test('into schemas of somebody else', async () => {
    await target.database.pool.query(`drop schema ${ownSchemas.join(', ')} cascade; create schema log`);
    await expect(restore(await backUp())).rejects.toMatchObject({
      code: 'maintenance-refused',
      message: expect.stringContaining('did not make (log)'),
    });
  });

  test('with the keys of an earlier backup, or of another log', async () => {
    const earlier = await backUp();
    await expect(restore(await backUp(), { keysFrom: earlier })).rejects.toMatchObject({
      code: 'backup-invalid',
      message: expect.stringContaining('not those of a later backup'),
    });
  });
});

test('who was erased after a backup stays erased with the keys of a later one', async () => {
  const from = await backUp();
  const bob = { kind: 'subject', id: 'bob' } as const;
  const vault = vaultOf(origin.database);
  const ofBob = await vault.seal(bob, 'Bob');
  const withBob = await backUp();
  await vault.erase(bob);
  const later = await backUp();
  await restore(withBob, { keysFrom: later });
  expect(await vaultOf(target.database).open(ofBob)).toEqual(await vault.open(ofBob));
  expect(await vaultOf(target.database).open(sealed)).toBe('Ada Lovelace');
  await rm(from, { recursive: true });
});

describe('a death', () => {
  const dying = async (name: FailpointName, work: () => Promise<unknown>): Promise<void> => {
    const disarm = onFailpoint(name, {
      does: () => {
        throw new Error('killed');
      },
    });
    await expect(work()).rejects.toThrow('killed');
    disarm();
  };

  test.each(['backup.copied', 'backup.writing'] as const)(
    'a backup that dies at %s leaves no backup',
    async (name) => {
      const into = place();
      await dying(name, () => backUp({ into }));
      await expect(checkBackup(into)).rejects.toMatchObject({ code: 'backup-invalid' });
      // As a kill would leave it.
      await writeFile(`${into}.unfinished`, 'anything').catch(() => undefined);
      await backUp({ into });
      await checkBackup(into);
      expect(existsSync(`${into}.unfinished`)).toBe(false);
    },
  );

  test('a backup that dies at backup.written is whole', async () => {
    const into = place();
    await dying('backup.written', () => backUp({ into }));
    await checkBackup(into);
    await expect(backUp({ into })).rejects.toMatchObject({ code: 'maintenance-refused' });
  });

  test.each(['restore.emptied', 'restore.copied', 'restore.writing'] as const)(
    'a restore that dies at %s is begun again',
    async (name) => {
      const from = await backUp();
      const dataFolder = place();
      await dying(name, () => restore(from, { dataFolder }));
      await expect(migrate(target.database)).rejects.toMatchObject({
        code: 'maintenance-refused',
        message: expect.stringContaining('did not end'),
      });
      await restore(from, { dataFolder });
      expect(await migrate(target.database)).toEqual([]);
      const { rows } = await target.database.pool.query('select from log.events');
      expect(rows).toHaveLength((await checkBackup(from)).log.events);
    },
  );

  test('a restore that dies at restore.written is done', async () => {
    const from = await backUp();
    await dying('restore.written', () => restore(from));
    expect(await migrate(target.database)).toEqual([]);
    await expect(restore(from)).rejects.toMatchObject({ code: 'maintenance-refused' });
  });
});

test('a backup of an older version is restored at its level, and brought forward at the next start', async () => {
  const later = {
    name: '9000-later.sql',
    text: 'alter table runtime.effects add column later text',
    inTransaction: true,
    lockTimeoutMs: 2_000,
    oldestCode: null,
  };
  const newer = [...migrationNames().map(readMigration), later];
  const from = await backUp();
  // Also where the empty database is newer than the backup.
  await migrate(target.database, { migrations: newer });
  await restore(from);
  expect(await appliedMigrations(target.database.pool)).toEqual(
    await appliedMigrations(origin.database.pool),
  );
  expect(await migrate(target.database, { migrations: newer })).toEqual(['9000-later.sql']);
});
