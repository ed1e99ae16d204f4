import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { StreamName } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import {
  collect,
  conflictOf,
  makeEvent,
  makeEvents,
  newStream,
} from '@daybook/test/contracts/event-store.subject.ts';
import { follow } from '@daybook/test/contracts/event-store-read.clauses.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { postgresEventStore, type PostgresEventStoreOptions } from './postgres.ts';

describe('event store in PostgreSQL', () => {
  let database: Database;
  let drop: () => Promise<void>;
  let stores: EventStore[];

  const open = (options: Partial<PostgresEventStoreOptions> = {}): EventStore => {
    const store = postgresEventStore({ database, wakeups: memoryWakeups(), log: silentLog, ...options });
    stores.push(store);
    return store;
  };

  beforeEach(async () => {
    ({ database, drop } = await freshDatabase());
    stores = [];
  });

  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await drop();
  });

  /** Ends the connections that append, as a crash of the server or a cut line does. */
  const cutAppends = async (): Promise<number> => {
    const { rowCount } = await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'daybook log' and datname = current_database()`,
    );
    return rowCount ?? 0;
  };

  /** Keeps appends from being written until the answer is called. */
  const holdTable = async (): Promise<() => Promise<void>> => {
    const client = await database.pool.connect();
    await client.query('begin; lock table log.events in share mode');
    return async () => {
      await client.query('rollback');
      client.release();
    };
  };

  test('a connection lost under way leaves the outcome unknown: a timeout, and the repeat finds out', async () => {
    const store = open();
    await store.append(newStream(), 'no-stream', makeEvents(1));
    const stream = newStream();
    const events = makeEvents(3);
    const letGo = await holdTable();
    const append = store.append(stream, 'no-stream', events);
    const failed = expect(append).rejects.toMatchObject({ code: 'timeout', retry: 'later' });
    await eventually(async () => expect(await cutAppends()).toBe(1));
    await failed;
    await letGo();
    const { revision, position } = await store.append(stream, 'no-stream', events);
    expect(revision).toBe(2);
    expect(await store.append(stream, 'no-stream', events)).toEqual({ revision, position });
    expect(await collect(store.read(stream))).toHaveLength(3);
  });

  test('an id is unique in the whole log: one that another stream holds is a conflict', async () => {
    const store = open();
    const events = makeEvents(2);
    await store.append(newStream(), 'no-stream', events);
    const elsewhere = newStream();
    await conflictOf(store.append(elsewhere, 'any', events));
    expect(await collect(store.read(elsewhere))).toEqual([]);
  });

  test('a repeat through another process’s store has the first result', async () => {
    const stream = newStream();
    const events = makeEvents(2);
    const { revision, position } = await open().append(stream, 'no-stream', events);
    expect(await open().append(stream, 'no-stream', events)).toEqual({ revision, position });
  });

  test('a log that somebody keeps locked is given up for now, and appends go on once it is free', async () => {
    const store = open({ answerLimitMs: 2_000 });
    const stream = newStream();
    const events = makeEvents(1);
    const letGo = await holdTable();
    const outcome = await store.append(stream, 'no-stream', events).catch((error: unknown) => error);
    await letGo();
    expect(outcome).toMatchObject({ code: 'unavailable', retry: 'later' });
    expect((await store.append(stream, 'no-stream', events)).revision).toBe(0);
    expect(await collect(store.read(stream))).toHaveLength(1);
  });

  test('a server that does not answer is given up after the limit, and appends go on once it does', async () => {
    const store = open({ answerLimitMs: 2_000 });
    const stream = newStream();
    const events = makeEvents(1);
    await database.pool.query(`
      create function log.slow() returns trigger language plpgsql as 'begin perform pg_sleep(60); return new; end';
      create trigger slow before insert on log.events for each row execute function log.slow()`);
    await expect(store.append(stream, 'no-stream', events)).rejects.toMatchObject({ code: 'timeout' });
    await database.pool.query('drop trigger slow on log.events');
    expect((await store.append(stream, 'no-stream', events)).revision).toBe(0);
    expect(await collect(store.read(stream))).toHaveLength(1);
  });

  test('appends that wait are bounded: more are refused as unavailable, those taken are written', async () => {
    const store = open({ limits: { maxOutstanding: 10 } });
    const letGo = await holdTable();
    const taken = Array.from({ length: 10 }, () => store.append(newStream(), 'no-stream', makeEvents(1)));
    await expect(store.append(newStream(), 'no-stream', makeEvents(1))).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'later',
    });
    await letGo();
    await Promise.all(taken);
    expect(await collect(store.readAll())).toHaveLength(10);
  });

  /** Makes the server refuse events whose data asks for it, with the SQLSTATE they name. */
  const refuseOnDemand = (): Promise<unknown> =>
    database.pool.query(`
      create function refuse_on_demand() returns trigger language plpgsql as $$
      begin raise exception 'refused' using errcode = new.data ->> 'refuse'; end $$;
      create trigger refuse before insert on log.events for each row
        when (new.data ->> 'refuse' is not null) execute function refuse_on_demand();`);

  test('an append that the server refuses for good fails alone', async () => {
    await refuseOnDemand();
    const store = open();
    const outcomes = await Promise.allSettled([
      store.append(newStream(), 'no-stream', makeEvents(1)),
      store.append(newStream(), 'no-stream', [makeEvent(), makeEvent({ refuse: '22023' })]),
      store.append(newStream(), 'no-stream', makeEvents(2)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'unavailable', retry: 'never' } });
    expect(await collect(store.readAll())).toHaveLength(3);
  });

  test('a full disk refuses the whole group for now, stores nothing of it, and reads go on', async () => {
    await refuseOnDemand();
    const store = open();
    await store.append(newStream(), 'no-stream', makeEvents(1));
    const outcomes = await Promise.allSettled([
      store.append(newStream(), 'no-stream', makeEvents(1)),
      store.append(newStream(), 'no-stream', [makeEvent({ refuse: '53100' })]),
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'unavailable', retry: 'later' } });
    }
    expect(await collect(store.readAll())).toHaveLength(1);
  });

  test('what was recorded cannot be changed or removed by anybody', async () => {
    await open().append(newStream(), 'no-stream', makeEvents(1));
    for (const statement of [
      'update log.events set type = type',
      'delete from log.events',
      'truncate log.events',
    ]) {
      await expect(database.pool.query(statement)).rejects.toThrow('Events are immutable.');
    }
  });

  test('people can read and ask for data and metadata in SQL', async () => {
    await open().append('product-1', 'no-stream', [makeEvent({ price: { amountMinor: 1_999 } })]);
    const { rows } = await database.pool.query<Record<string, string>>(
      `select data #>> '{price,amountMinor}' as price, metadata ->> 'tenantId' as tenant from log.events`,
    );
    expect(rows).toEqual([{ price: '1999', tenant: 'tenant' }]);
  });

  test('a long stream reads on pages, from both ends', async () => {
    const store = open();
    const stream: StreamName = `long-${randomUUID()}`;
    for (let n = 0; n < 100_000; n += 5_000) await store.append(stream, 'any', makeEvents(5_000, n));
    let next = 0;
    for await (const page of store.read(stream)) {
      expect(page.length).toBeLessThanOrEqual(1_000);
      for (const { revision } of page) if (revision !== next++) throw new Error('A gap.');
    }
    expect(next).toBe(100_000);
    const [last] = await collect(store.read(stream, { direction: 'backwards', limit: 1 }));
    expect(last?.revision).toBe(99_999);
  });

  test('a subscription that is never woken polls, and rests where nothing comes', async () => {
    const [reader, writer] = [open(), open()];
    const seen = follow(reader, {});
    const { position } = await writer.append(newStream(), 'no-stream', makeEvents(2));
    await eventually(() => expect(seen.events.at(-1)?.position).toBe(position), { withinMs: 2_000 });
    await seen.stop();
  });

  test('a database out of reach is unavailable, for reads and appends, and both come back', async () => {
    const store = open();
    await store.append(newStream(), 'no-stream', makeEvents(1));
    const name = new URL(database.url).pathname.slice(1);
    const admin = await freshDatabase();
    try {
      await admin.database.pool.query(`alter database ${name} allow_connections false`);
      await admin.database.pool.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
        [name],
      );
      await eventually(() => expect(store.head()).rejects.toMatchObject({ code: 'unavailable' }));
      await expect(collect(store.readAll())).rejects.toMatchObject({ code: 'unavailable' });
      const event = makeEvents(1);
      const stream = newStream();
      await expect(store.append(stream, 'any', event)).rejects.toMatchObject({
        code: expect.stringMatching(/unavailable|timeout/),
      });
      await admin.database.pool.query(`alter database ${name} allow_connections true`);
      await eventually(async () => expect((await store.append(stream, 'any', event)).revision).toBe(0));
      expect(await collect(store.readAll())).toHaveLength(2);
    } finally {
      await admin.database.pool.query(`alter database ${name} allow_connections true`);
      await admin.drop();
    }
  });
});
