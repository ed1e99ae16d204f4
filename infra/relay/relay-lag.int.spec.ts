import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { beginning } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { postgresEventStore } from '../event-store/postgres.ts';
import { isBlocking, relayBlock } from './relay-block.ts';
import { relayLag } from './relay-lag.ts';
import { relayLead } from './relay-lead.ts';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let eventStore: EventStore;
beforeEach(async () => {
  fresh = await freshDatabase();
  eventStore = postgresEventStore({ database: fresh.database, wakeups: memoryWakeups(), log: silentLog });
  for (let n = 0; n < 5; n += 1) {
    const actor = { kind: 'system', id: 'test' } as const;
    const [id, commandId, correlationId] = [randomUUID(), randomUUID(), randomUUID()];
    const metadata = { schemaVersion: 1, tenantId: 'a', actor, commandId, correlationId };
    await eventStore.append('thing-a', 'any', [{ id, type: 'ThingHappened', data: {}, metadata }]);
  }
});
afterEach(async () => {
  await eventStore.close();
  await fresh.drop();
});

const lag = (countUpTo?: number) =>
  relayLag({ database: fresh.database, eventStore, ...(countUpTo === undefined ? {} : { countUpTo }) });

test('the lag of a relay that never ran is the whole log, counted up to a limit', async () => {
  expect(await lag(3)).toMatchObject({ events: 3, leads: false, blocked: false });
  expect((await lag()).seconds).toBeGreaterThanOrEqual(0);
});

test('a relay that stands before an event leads, until it has not tried it for long', async () => {
  const { database } = fresh;
  const lead = relayLead(database, {});
  const taken = await lead.take();
  const head = await eventStore.head();
  const error = new DaybookError('schema-unknown', 'No such type.', { fields: { position: head } });
  if (!isBlocking(error)) throw error;
  await relayBlock(database).record(error);
  await lead.resign(taken?.epoch ?? 0);
  expect(await lag()).toMatchObject({ position: beginning, events: 5, leads: true, blocked: true });
  await database.pool.query(`update topics.relays set blocked_at = blocked_at - interval '1 hour'`);
  expect(await lag()).toMatchObject({ leads: false, blocked: false });
  const again = await lead.take();
  await relayBlock(database).record(error);
  await lead.advance(again?.epoch ?? 0, beginning, head, 5);
  expect(await lag()).toMatchObject({ events: 0, leads: true, blocked: false });
});
