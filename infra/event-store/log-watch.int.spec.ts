import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { makeEvents } from '@daybook/test/contracts/event-store.subject.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { beginEpoch } from './log-epoch.ts';
import { watchLog, type LogWatch } from './log-watch.ts';
import { postgresEventStore } from './postgres.ts';

let database: Database;
let drop: () => Promise<void>;
let store: EventStore;
const open: LogWatch[] = [];
beforeEach(async () => {
  ({ database, drop } = await freshDatabase());
  store = postgresEventStore({ database, wakeups: memoryWakeups(), log: silentLog });
});
afterEach(async () => {
  for (const watch of open.splice(0)) await watch.close();
  await store.close();
  await drop();
});

async function watching(everyMs = 60_000): Promise<LogWatch> {
  const watch = await watchLog({ eventStore: store, database, log: silentLog, everyMs });
  open.push(watch);
  return watch;
}

/** A consumer took in all there is. */
async function consume(): Promise<void> {
  const position = await store.head();
  await database.pool.query(
    `insert into topics.relays (name, position) values ('events', $1)
     on conflict (name) do update set position = excluded.position`,
    [position],
  );
}

/** As a failover that loses what was not replicated. */
async function loseEnd(events: number): Promise<void> {
  await database.transaction(async (client) => {
    await client.query('set local session_replication_role = replica');
    await client.query(
      'delete from log.events where position > (select max(position) from log.events) - $1',
      [events],
    );
  });
}

const grow = (): Promise<unknown> => store.append('thing-1', 'any', makeEvents(5));

test('a log that only grows is followed, from empty on', async () => {
  await watching();
  await grow();
  await consume();
  await watching();
  await grow();
  const watch = await watching();
  expect(() => {
    watch.check();
  }).not.toThrow();
});

describe('at the start', () => {
  test('a log that ends before what was taken in is refused, with what mends it', async () => {
    await grow();
    await consume();
    await loseEnd(1);
    await expect(watching()).rejects.toMatchObject({
      code: 'log-mismatch',
      fields: { mismatch: 'shorter' },
      message: expect.stringMatching(/ends before what its consumers took in.*daybook recover/),
    });
  });

  test('a log that lost its end and has grown since is refused', async () => {
    await grow();
    await consume();
    await watching();
    await loseEnd(3);
    await grow();
    await expect(watching()).rejects.toMatchObject({ fields: { mismatch: 'rewritten' } });
  });

  test('a log in another epoch is refused, and so is another log', async () => {
    await grow();
    await consume();
    await watching();
    await beginEpoch(database.pool, 'restored', await store.head());
    await expect(watching()).rejects.toMatchObject({ fields: { mismatch: 'otherEpoch' } });
    await database.pool.query('update log.epochs set log_id = gen_random_uuid()');
    await expect(watching()).rejects.toMatchObject({
      fields: { mismatch: 'otherLog' },
      message: expect.not.stringContaining('recover'),
    });
  });
});

test('while running it is noticed, and everybody who follows is told', async () => {
  await grow();
  await consume();
  const watch = await watching(20);
  await loseEnd(2);
  await eventually(() => {
    expect(watch.lost.aborted).toBe(true);
  });
  expect(() => {
    watch.check();
  }).toThrow('ends before what its consumers took in');
});

test('a database that is away for a moment is no mismatch', async () => {
  await grow();
  await consume();
  let looks = 0;
  const flaky: EventStore = {
    ...store,
    knownIdentity: () => {
      looks += 1;
      return looks < 4 ? Promise.reject(new Error('away')) : store.knownIdentity();
    },
  };
  const watch = await watchLog({ eventStore: flaky, database, log: silentLog, everyMs: 5 });
  open.push(watch);
  await eventually(() => {
    expect(looks).toBeGreaterThan(6);
  });
  expect(watch.lost.aborted).toBe(false);
});
