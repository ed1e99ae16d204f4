import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventStoreDBClient } from '@eventstore/db-client';
import { startStandIn } from '@daybook/test/fakes/event-store-db/server.ts';
import type { NewEvent } from '@daybook/kernel/event.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { makeBackup } from '../backup/make-backup.ts';
import { openDatabase } from '../database/database.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import type { FailpointName } from '../failpoints/names.ts';
import type { ImportedEvent } from '../event-store/import-events.ts';
import { watchLog } from '../event-store/log-watch.ts';
import { eventsOf, linesOf, movingHouse, put, richLog, type MovingHouse } from './log-move.fixture.ts';
import type { LogPlace } from './movable-log.ts';

let house: MovingHouse;
beforeEach(async () => {
  house = await movingHouse();
});
afterEach(() => house.drop());

async function lines(place: LogPlace): Promise<readonly string[]> {
  return linesOf((await house.open(place)).store);
}

/** Whether everything in the database follows a log. */
async function isFollowed(place: LogPlace): Promise<boolean> {
  const { store } = await house.open(place);
  const watch = await watchLog({ eventStore: store, database: house.database, log: silentLog }).catch(
    () => undefined,
  );
  await watch?.close();
  return watch !== undefined;
}

function newEvent(): NewEvent {
  const [{ id, type, data, metadata }] = eventsOf([{ stream: 'product-d' }]) as [ImportedEvent];
  return { id, type, data, metadata };
}

const directions = ['to EventStoreDB', 'to PostgreSQL'] as const;

function placesOf(direction: (typeof directions)[number]): Readonly<{ from: LogPlace; to: LogPlace }> {
  const { inDatabase, onServer } = house;
  return direction === 'to EventStoreDB'
    ? { from: inDatabase, to: onServer }
    : { from: onServer, to: inDatabase };
}

describe.each(directions)('a move %s', (direction) => {
  test('keeps ids, types, streams, revisions, times, every character and the order', async () => {
    const { from, to } = placesOf(direction);
    const events = richLog();
    await house.fill(from, events);
    const { moved } = await house.move(from, to);
    const before = await lines(from);
    expect(before).toHaveLength(events.length);
    expect(events.length).toBeGreaterThan(5_000);
    expect(await lines(to)).toEqual(before);
    const hash = createHash('sha256').update(before.join('')).digest('hex');
    expect(moved).toMatchObject({ events: events.length, copied: events.length, hash });
    expect([await isFollowed(from), await isFollowed(to)]).toEqual([false, true]);
  });

  const points: FailpointName[] = [
    'logMove.copying',
    'logMove.copied',
    'logMove.switching',
    'logMove.switched',
    ...(direction === 'to EventStoreDB' ? (['logMove.appending'] as const) : []),
  ];
  test.each(points)('a death at %s is made up for by a repeat', async (name) => {
    const { from, to } = placesOf(direction);
    const written = Array.from({ length: 1_300 }, (_, n) => ({
      stream: `product-${String(n % 5)}` as const,
    }));
    await house.fill(from, eventsOf(written));
    await house.publish(from);
    const nth = name === 'logMove.appending' ? 77 : name === 'logMove.copying' ? 2 : 1;
    const disarm = onFailpoint(name, {
      nth,
      does: () => {
        throw new Error('killed');
      },
    });
    await expect(house.move(from, to)).rejects.toThrow('killed');
    disarm();
    const all = await lines(from);
    const some = await lines(to);
    expect(some).toEqual(all.slice(0, some.length));
    expect(await isFollowed(from)).toBe(name !== 'logMove.switched');
    const { moved, events } = await house.move(from, to);
    expect(moved?.copied ?? null).toBe(name === 'logMove.switched' ? null : all.length - some.length);
    expect(events).toBe(all.length);
    expect(await lines(to)).toEqual(all);
    expect(await isFollowed(to)).toBe(true);
    expect(await house.move(from, to)).toEqual({ moved: null, events: 0, isBlocked: false });
  });
});

test('there, on and back: only what was recorded meanwhile is copied', async () => {
  const { inDatabase, onServer } = house;
  await house.fill(inDatabase, eventsOf([{ stream: 'product-a' }, { stream: 'product-b' }]));
  await house.move(inDatabase, onServer);
  const { store } = await house.open(onServer);
  await store.append('product-a', 0, [newEvent()]);
  const now = await lines(onServer);
  expect((await house.move(onServer, inDatabase)).moved).toMatchObject({ events: 3, copied: 1 });
  expect(await lines(inDatabase)).toEqual(now);
  expect((await house.move(inDatabase, onServer)).moved).toMatchObject({ events: 3, copied: 0 });
});

test('whoever starts while everything is set to the other log waits, and learns of it', async () => {
  const { inDatabase, onServer, database } = house;
  await house.fill(inDatabase, eventsOf([{ stream: 'product-a' }]));
  const { store } = await house.open(inDatabase);
  let starting: Promise<unknown> = Promise.resolve();
  const disarm = onFailpoint('logMove.switching', {
    does: async () => {
      starting = watchLog({ eventStore: store, database, log: silentLog });
      starting.catch(() => undefined);
      await eventually(async () => {
        const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
        expect(await house.rows(waiting)).toHaveLength(1);
      });
    },
  });
  await house.move(inDatabase, onServer);
  disarm();
  await expect(starting).rejects.toMatchObject({ code: 'log-mismatch', fields: { mismatch: 'otherLog' } });
});

test('a backup of what follows a log elsewhere is refused', async () => {
  const { inDatabase, onServer, url } = house;
  await house.fill(inDatabase, eventsOf([{ stream: 'product-a' }]));
  await house.move(inDatabase, onServer);
  const dataFolder = await mkdtemp(join(tmpdir(), 'daybook-moved-'));
  const into = join(dataFolder, 'backup');
  const backup = makeBackup({ databaseUrl: url, dataFolder, into, product: '0', log: silentLog });
  await expect(backup).rejects.toMatchObject({ code: 'maintenance-refused' });
  await rm(dataFolder, { recursive: true });
});

test('an empty log is moved too', async () => {
  const { inDatabase, onServer } = house;
  await house.fill(inDatabase, []);
  expect((await house.move(inDatabase, onServer)).moved).toMatchObject({ events: 0, copied: 0 });
  expect((await house.move(inDatabase, onServer)).moved).toBeNull();
  expect(await isFollowed(onServer)).toBe(true);
});

test('a log is moved from one EventStoreDB to another', async () => {
  const other = await startStandIn();
  try {
    const there: LogPlace = { kind: 'eventStoreDb', url: other.url };
    await house.fill(house.onServer, eventsOf([{ stream: 'product-a' }, { stream: 'product-a' }]));
    expect((await house.move(house.onServer, there)).moved).toMatchObject({ events: 2, copied: 2 });
    expect(await isFollowed(there)).toBe(true);
  } finally {
    await other.stop();
  }
});

describe('is refused, with nothing changed,', () => {
  let before: readonly string[];
  beforeEach(async () => {
    await house.fill(house.inDatabase, eventsOf([{ stream: 'product-a' }, { stream: 'product-b' }]));
    before = await lines(house.inDatabase);
  });

  async function refused(says: RegExp, code = 'maintenance-refused'): Promise<void> {
    const { inDatabase, onServer, server } = house;
    const there = server.log.all().length;
    await expect(house.move(inDatabase, onServer)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(says),
    });
    expect(server.log.all()).toHaveLength(there);
    expect(await lines(inDatabase)).toEqual(before);
    expect(await isFollowed(inDatabase)).toBe(true);
  }

  function client(): EventStoreDBClient {
    return EventStoreDBClient.connectionString(house.server.url);
  }

  test('where the target holds the log of another installation', async () => {
    await put(await house.open(house.onServer), eventsOf([{ stream: 'product-c' }]));
    await refused(/event number 1 is ProductRenamed product-c@0, and the other log has .* product-a@0/);
  });

  test('where the target holds more than the log to move', async () => {
    const { inDatabase, onServer } = house;
    await house.move(inDatabase, onServer);
    const { store } = await house.open(onServer);
    await store.append('product-d', 'no-stream', [newEvent()]);
    const { log, epoch } = await (await house.open(inDatabase)).store.identity();
    await house.database.pool.query(
      `update runtime.followed_log set log_id = $1, epoch = $2, position = '00000000000000000002',
         event_id = (select id from log.events where position = 2)`,
      [log, epoch],
    );
    await house.database.pool.query('delete from topics.relays');
    await refused(/the other log ends before it/);
  });

  test.each(['deleted', 'deleted for good', 'truncated'])(
    'where a stream of the target was %s',
    async (how) => {
      const own = client();
      const { take } = await house.open(house.onServer);
      await take(
        (async function* () {
          yield await Promise.resolve(eventsOf([{ stream: 'product-c' }]));
        })(),
        () => undefined,
      );
      if (how === 'deleted') await own.deleteStream('product-c');
      else if (how === 'truncated') await own.setStreamMetadata('product-c', { maxCount: 1 });
      else await own.tombstoneStream('product-c');
      await own.dispose();
      await refused(/deleted or truncated the stream product-c/);
    },
  );

  test('where a Daybook is connected', async () => {
    const running = openDatabase({ url: house.url, applicationName: 'sagas', log: silentLog });
    await running.pool.query('select 1');
    await refused(/A Daybook is running on this database \(sagas\)/);
    await running.close();
  });

  test('where another move is under way', async () => {
    const other = await house.database.pool.connect();
    await other.query(`select pg_advisory_lock(hashtext('daybook migrate-log'))`);
    await refused(/being moved already/);
    other.release(true);
  });

  test('where the source is not the log of this database', async () => {
    await house.publish(house.inDatabase);
    expect(await isFollowed(house.inDatabase)).toBe(true);
    await house.database.pool.query('update runtime.followed_log set log_id = gen_random_uuid()');
    await expect(house.move(house.inDatabase, house.onServer)).rejects.toMatchObject({
      code: 'log-mismatch',
      fields: { mismatch: 'otherLog' },
    });
    expect(house.server.log.all()).toEqual([]);
  });

  test('where an EventStoreDB is to be moved into a database that never followed it', async () => {
    await house.database.pool.query('delete from runtime.followed_log');
    await expect(house.move(house.onServer, house.inDatabase)).rejects.toMatchObject({
      code: 'maintenance-refused',
    });
    expect(await lines(house.inDatabase)).toEqual(before);
  });

  test('where the target is away', async () => {
    await house.server.stop();
    await expect(house.move(house.inDatabase, house.onServer)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await isFollowed(house.inDatabase)).toBe(true);
  });

  test('where both are one log', async () => {
    const { url } = house.server;
    await house.move(house.inDatabase, house.onServer);
    const again: LogPlace = { kind: 'eventStoreDb', url: `${url}&connectionName=other` };
    await expect(house.move(house.onServer, again)).rejects.toMatchObject({ code: 'configuration-invalid' });
  });

  test('where somebody records while the log is copied', async () => {
    const { store } = await house.open(house.inDatabase);
    const disarm = onFailpoint('logMove.copied', {
      does: async () => {
        await store.append('product-d', 'no-stream', [newEvent()]);
      },
    });
    await expect(house.move(house.inDatabase, house.onServer)).rejects.toMatchObject({
      code: 'maintenance-refused',
      message: expect.stringContaining('went on while the log was copied'),
    });
    disarm();
    await store.close();
    expect(await isFollowed(house.inDatabase)).toBe(true);
    expect((await house.move(house.inDatabase, house.onServer)).moved).toMatchObject({
      events: 3,
      copied: 1,
    });
  });
});
