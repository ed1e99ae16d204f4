import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import { makeEvents, newStream } from '@daybook/test/contracts/event-store.subject.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { startProxy } from '@daybook/test/support/proxy.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { postgresEventStore } from '../event-store/postgres.ts';
import { migrate, pendingMigrations } from './migrate.ts';
import { queryRole } from '../runtime/read-models.ts';
import { openDatabase, instant, translateDatabaseError, withoutSettings, type Database } from './database.ts';
import { memoryWakeups } from './wakeups.ts';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  ({ database } = fresh);
});
afterAll(() => fresh.drop());

describe('a database', () => {
  test('gives instants as ISO text in UTC and int8 as numbers, by pg and by knex', async () => {
    const statement = `select '2026-03-29 03:00:00.1234+02'::timestamptz as at, 9007199254740991::int8 as big`;
    const expected = [{ at: '2026-03-29T01:00:00.123Z', big: 9007199254740991 }];
    expect((await database.pool.query(statement)).rows).toEqual(expected);
    expect((await database.knex.raw<{ rows: unknown[] }>(statement)).rows).toEqual(expected);
  });

  test.each([
    ['2026-01-01 00:00:00+00', '2026-01-01T00:00:00.000Z'],
    ['2026-01-01 00:00:00.5+00', '2026-01-01T00:00:00.500Z'],
    ['2026-01-01 00:00:00.123456+00', '2026-01-01T00:00:00.123Z'],
  ])('reads the instant %s', (text, expected) => {
    expect(instant(text)).toBe(expected);
  });

  test('rolls a failed transaction back and keeps the connection usable', async () => {
    await database.pool.query('create table runtime.probe (n int primary key)');
    const failing = database.transaction(async (client) => {
      await client.query('insert into runtime.probe values (1)');
      await client.query('insert into runtime.probe values (1)');
    });
    await expect(failing).rejects.toMatchObject({ code: 'unavailable', retry: 'never' });
    await database.transaction((client) => client.query('insert into runtime.probe values (2)'));
    expect((await database.pool.query('select n from runtime.probe')).rows).toEqual([{ n: 2 }]);
  });

  test.each([
    new TypeError('a bug of the caller'),
    new DaybookError('aborted', 'No.'),
    Object.assign(new Error('of the caller'), { code: 'ERR_OF_ITS_OWN' }),
  ])('hands on what the caller throws as it is (%s), after rolling back', async (thrown) => {
    await database.pool.query('create table if not exists runtime.thrown (n int)');
    const failing = database.transaction(async (client) => {
      await client.query('insert into runtime.thrown values (1)');
      throw thrown;
    });
    expect(await failing.catch((error: unknown) => error)).toBe(thrown);
    expect((await database.pool.query('select from runtime.thrown')).rowCount).toBe(0);
  });

  test('says unavailable, later, when its connection is ended or refused', async () => {
    const ended = database.transaction((client) =>
      client.query('select pg_terminate_backend(pg_backend_pid())'),
    );
    await expect(ended).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    const nowhere = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', log: silentLog });
    await expect(nowhere.transaction((client) => client.query('select 1'))).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'later',
    });
    await nowhere.close();
    await nowhere.close();
  });

  test('outlives a connection that is ended in the moment in which somebody gets it', async () => {
    const other = openDatabase({ url: fresh.url, poolSize: 1, log: silentLog });
    const client = await other.pool.connect();
    const ended = new Promise((done) => client.once('end', done));
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await ended;
    await expect(client.query('select 1')).rejects.toThrow(/not queryable|terminat/);
    client.release(true);
    expect((await other.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await other.close();
  });

  test('leaves a server that takes no writes any more, as after a failover', async () => {
    const { database: failing, drop } = await freshDatabase({ poolSize: 1 });
    const store = postgresEventStore({ database: failing, wakeups: memoryWakeups(), log: silentLog });
    const setting = `database ${new URL(failing.url).pathname.slice(1)} set default_transaction_read_only`;
    const write = (): Promise<unknown> =>
      failing.transaction((client) => client.query('create table runtime.written ()'));
    const append = (): Promise<unknown> => store.append(newStream(), 'no-stream', makeEvents(1));
    await database.pool.query(`alter ${setting} = on`);
    for (const work of [write, append])
      await expect(work()).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    await database.pool.query(`alter ${setting} = off`);
    for (const work of [write, append]) await work();
    await store.close();
    await drop();
  });

  test('lets the server end the sessions of a machine that is gone', async () => {
    const { rows } = await database.pool.query<{ tcp_keepalives_idle: string }>('show tcp_keepalives_idle');
    expect(rows).toEqual([{ tcp_keepalives_idle: '30' }]);
  });

  test('keeps role, time zone and name of its own, whatever the URL says of settings', async () => {
    const more = 'options=-c%20timezone%3DAsia/Tokyo%20-c%20search_path%3Dread&application_name=acme';
    const url = `${fresh.url}?${more}`;
    const other = openDatabase({ url, role: queryRole, applicationName: 'daybook x', log: silentLog });
    const text = `select current_user as role, current_setting('TimeZone') as zone,
                    current_setting('application_name') as name, current_setting('search_path') as path`;
    const expected = { role: queryRole, zone: 'UTC', name: 'daybook x', path: 'read' };
    expect((await other.pool.query(text)).rows).toEqual([expected]);
    expect((await other.knex.raw<{ rows: unknown[] }>(text)).rows).toEqual([expected]);
    await other.close();
  });

  test('gives a server up that does not answer, and finds it again', async () => {
    const proxy = await startProxy(fresh.url);
    const own = openDatabase({ url: proxy.url, log: silentLog, poolSize: 2, statementTimeoutMs: 100 });
    try {
      await own.pool.query('select 1');
      proxy.turn('silent');
      await expect(own.transaction((client) => client.query('select 1'))).rejects.toMatchObject({
        code: 'timeout',
        retry: 'later',
      });
      proxy.turn('clear');
      await own.transaction((client) => client.query('select 1'));
    } finally {
      proxy.turn('down');
      await own.close();
      await proxy.close();
    }
  });

  test.each([
    [{ code: 'EPIPE', message: 'write EPIPE' }, {}],
    [{ code: '28P01', message: 'password authentication failed for user "ada"' }, { sqlState: '28P01' }],
    [{ code: '3D000', message: 'database "acme" does not exist' }, { sqlState: '3D000' }],
    [{ message: 'The server does not support SSL connections' }, {}],
  ])('a connection that cannot be had is for later, and names nobody: %j', ({ message, ...more }, fields) => {
    const told = translateDatabaseError(Object.assign(new Error(message), more));
    expect(told).toMatchObject({ code: 'unavailable', retry: 'later', fields });
    expect(told.message).not.toMatch(/ada|acme/);
  });

  test.each(['prefer', 'require', 'verify-ca'])(
    'takes sslmode=%s for verify-full, as it always was',
    (mode) => {
      const url = `postgres://ada@db/acme?sslmode=${mode}`;
      expect(withoutSettings(url).url).toBe('postgres://ada@db/acme?sslmode=verify-full');
      expect(withoutSettings(`${url}&uselibpqcompat=true`).url).toContain(`sslmode=${mode}`);
    },
  );

  test('calls a connection lost during commit unknown', () => {
    const lost = new Error('Connection terminated unexpectedly');
    expect(translateDatabaseError(lost, 'commit')).toMatchObject({ code: 'timeout', retry: 'later' });
    expect(translateDatabaseError(lost)).toMatchObject({ code: 'unavailable', retry: 'later' });
    expect(isDaybookError(translateDatabaseError(new TypeError('x')))).toBe(true);
  });
});

describe('migrations', () => {
  test('run once, whoever starts them at the same time', async () => {
    expect(await pendingMigrations(database)).toEqual([]);
    const { rows } = await database.pool.query<{ name: string }>(
      `select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')`,
    );
    const schemas = rows.map(({ name }) => `"${name}"`).join(', ');
    await database.pool.query(`drop schema ${schemas} cascade`);
    expect(await pendingMigrations(database)).toContain('0001-schemas.sql');
    const other = openDatabase({ url: fresh.url, log: silentLog });
    const applied = await Promise.all([migrate(database), migrate(other)]);
    expect(applied.flat()).toEqual([...new Set(applied.flat())]);
    expect(applied.flat()).toContain('0001-schemas.sql');
    expect(await pendingMigrations(database)).toEqual([]);
    await other.close();
  });
});
