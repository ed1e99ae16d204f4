import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { postgresEventStore } from '../event-store/postgres.ts';
import { deliveryOf, eventsIn, open, openWithSlug, reserve, spend } from './command-bus.fixture.ts';
import { makeCommandBus } from './command-bus.ts';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let stores: EventStore[];
beforeEach(async () => {
  opened = await freshDatabase();
  stores = [1, 2, 3].map(() =>
    postgresEventStore({ database: opened.database, wakeups: memoryWakeups(), log: silentLog }),
  );
});
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await opened.drop();
});

/** A bus a process, on one database. */
const buses = () =>
  stores.map((eventStore) =>
    makeCommandBus({
      commands: [open, spend, reserve, openWithSlug],
      eventStore,
      schemaVersion: () => 1,
      clock: { now: () => '2026-01-01T00:00:00.000Z' },
      log: silentLog,
      maxTries: 60,
    }),
  );

const [count, perBus] = [99, 33];

test('a hundred concurrent deliveries of one command, in several processes, record it once', async () => {
  const [store] = stores as [EventStore];
  const answers = await Promise.all(
    buses().flatMap((bus) =>
      Array.from({ length: perBus + 1 }, () => bus.execute(open, { id: '1', amount: 5 }, deliveryOf('c1'))),
    ),
  );
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await eventsIn(store, 'account-1')).toHaveLength(2);
});

test('commands of several processes on one stream are decided one after the other', async () => {
  const [store] = stores as [EventStore];
  const all = buses();
  await all[0]?.execute(open, { id: '1', amount: 20 }, deliveryOf('c0'));
  const results = await Promise.all(
    all.flatMap((bus, b) =>
      Array.from({ length: 10 }, (_, n) =>
        bus.execute(spend, { id: '1', amount: 1 }, deliveryOf(`s${String(b)}-${String(n)}`)),
      ),
    ),
  );
  expect(results.filter(({ ok }) => ok)).toHaveLength(20);
  expect(await eventsIn(store, 'account-1')).toHaveLength(22);
});

test('of many that want one value one gets it', async () => {
  const [store] = stores as [EventStore];
  const results = await Promise.all(
    buses().flatMap((bus, b) =>
      Array.from({ length: perBus }, (_, n) => {
        const id = `${String(b)}-${String(n)}`;
        return bus.execute(openWithSlug, { id, slug: 'shop' }, deliveryOf(id));
      }),
    ),
  );
  const refused = results.filter((result) => !result.ok && result.rejection.code === 'slug-taken');
  expect(refused).toHaveLength(count - 1);
  expect(await eventsIn(store, 'slug-shop')).toHaveLength(1);
});
