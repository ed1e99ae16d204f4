import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { NewEvent, Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { OutMessage, Topics } from '@daybook/kernel/ports/topics.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups, type Wakeups } from '../database/wakeups.ts';
import { postgresEventStore } from '../event-store/postgres.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import type { FailpointName } from '../failpoints/names.ts';
import { postgresTopics } from '../topics/postgres-topics.ts';
import { postgresTopicUpkeep, type TopicUpkeep } from '../topics/topic-upkeep.ts';
import { compareTopic, type TopicComparison } from './compare-topic.ts';
import { relayLag } from './relay-lag.ts';
import { relayLead } from './relay-lead.ts';
import { relayThroughTopics } from './relay-output.ts';
import { runRelay } from './relay.ts';
import { republish, type RepublishOptions } from './republish.ts';

const topic = 'daybook.events.v1';
const tenants = ['tenant-a', 'tenant-b', 'tenant-c'];
const codec = {
  encodeEvent: async (event: RecordedEvent) => jsonCodec.encode(event),
  encodeEvents: async (events: readonly RecordedEvent[]) => events.map((event) => jsonCodec.encode(event)),
  decode: jsonCodec.decode,
};

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let wakeups: Wakeups;
let eventStore: EventStore;
let topics: Topics;
let upkeep: TopicUpkeep;
let stopRelay: () => Promise<void>;

beforeEach(async () => {
  fresh = await freshDatabase();
  const { database } = fresh;
  wakeups = memoryWakeups();
  eventStore = postgresEventStore({ database, wakeups, log: silentLog });
  topics = postgresTopics({ database, wakeups, log: silentLog, retention: { everyMs: 0 } });
  await topics.ensure(topic, { partitions: 4 });
  upkeep = postgresTopicUpkeep(database, topics);
  stopRelay = startRelay();
});
afterEach(async () => {
  await stopRelay();
  await topics.close();
  await eventStore.close();
  await fresh.drop();
});

function startRelay(): () => Promise<void> {
  const stopping = new AbortController();
  const ended = runRelay({
    eventStore,
    codec,
    output: relayThroughTopics({ database: fresh.database, topics, topic, leaseMs: 1_500 }),
    log: silentLog,
    wakeups,
    signal: stopping.signal,
    backOff: { firstMs: 5, mostMs: 50 },
  });
  return () => {
    stopping.abort();
    return ended;
  };
}

const upToDate = (): Promise<Position> =>
  eventually(async () => {
    const { events, position } = await relayLag({ database: fresh.database, eventStore });
    expect(events).toBe(0);
    return position;
  });

function eventOf(n: number, type = 'ThingHappened', data: object = { n }): NewEvent {
  const metadata = {
    schemaVersion: 1,
    tenantId: tenants[n % tenants.length] ?? '',
    actor: { kind: 'system', id: 'test' },
    commandId: randomUUID(),
    correlationId: randomUUID(),
  } as const;
  return { id: randomUUID(), type, data, metadata };
}

async function record(count: number, atOnce = 1): Promise<readonly RecordedEvent[]> {
  for (let n = 0; n < count; n += atOnce) {
    const [first, ...others] = Array.from({ length: atOnce }, () => eventOf(n));
    if (first === undefined) throw new Error('There is nothing to record.');
    await eventStore.append(`thing-${first.metadata.tenantId}`, 'any', [first, ...others]);
  }
  await upToDate();
  const events: RecordedEvent[] = [];
  for await (const page of eventStore.readAll()) events.push(...page);
  return events;
}

const compared = async (
  more: { retentionMs?: number; now?: number; upTo?: Position } = {},
): Promise<TopicComparison> =>
  compareTopic({ stored: eventStore, codec, upkeep, topic, upTo: await upToDate(), ...more });

/** With how often the log was read, which it may be in no other way. */
async function countedCompare(
  more: { most?: number } = {},
): Promise<Readonly<{ found: TopicComparison; reads: number }>> {
  let reads = 0;
  const stored: Pick<EventStore, 'readAll'> = {
    readAll: (options) => {
      reads += 1;
      return eventStore.readAll(options);
    },
  };
  const found = await compareTopic({ stored, codec, upkeep, topic, upTo: await upToDate(), ...more });
  return { found, reads };
}

const again = (from: Position, more: Partial<RepublishOptions> = {}): Promise<number> =>
  republish({
    ...{ stored: eventStore, codec, upkeep, wakeups, from, pageSize: 5, ...more },
    database: fresh.database,
    topic: { name: topic, partitions: 4 },
    signal: new AbortController().signal,
  });

const inTopic = (statement: string, values: readonly unknown[] = []): Promise<unknown> =>
  fresh.database.pool.query(statement, [...values]);

/** Records that somebody gave an event up, as the command does. */
async function giveUp({ id, position }: RecordedEvent): Promise<void> {
  const decision = eventOf(0, 'ParkedSkipped', { eventId: id });
  await eventStore.append(`parked-relay-${position}`, 'no-stream', [decision]);
}

const clean = { missing: 0, firstMissing: null, disordered: 0, doubled: 0, foreign: 0, undecodable: 0 };

test('a topic that has the log is found whole, whatever its length', async () => {
  await record(40);
  expect(await compared()).toMatchObject({ ...clean, events: 40, messages: 40 });
});

test('what is missing is named by its positions, and is there once it is published again; repeats are counted', async () => {
  const events = await record(40);
  const [first, last] = [events[10], events[25]];
  await inTopic(`delete from topics.messages where headers->>'ce_position' between $1 and $2`, [
    first?.position,
    last?.position,
  ]);
  expect(await compared()).toMatchObject({
    missing: 16,
    firstMissing: first?.position,
    lastMissing: last?.position,
  });
  expect(await again(first?.position as Position)).toBe(30);
  // They stand behind those that were there: a group that had passed them over is told to fold anew.
  expect(await compared()).toMatchObject({ ...clean, disordered: 16, doubled: 14, messages: 54 });
});

test('a part is published again, up to the last event asked for and never beyond the relay', async () => {
  const events = await record(20);
  expect(await again(events[3]?.position as Position, { to: events[9]?.position as Position })).toBe(7);
  expect(await compared()).toMatchObject({ ...clean, doubled: 7 });
  await record(3);
  expect(await compared()).toMatchObject({ ...clean, doubled: 7, events: 23 });
});

test('messages of other events, and what nobody can read, are told apart', async () => {
  const [first] = await record(12);
  const foreign = (position = first?.position): OutMessage =>
    jsonCodec.encode({ ...(first as RecordedEvent), id: randomUUID(), position: position as Position });
  await topics.publish(topic, [
    foreign(),
    foreign('9'.repeat(20) as Position),
    foreign('nowhere' as Position),
    { key: 'tenant-a', value: Buffer.from('no message'), headers: {} },
  ]);
  expect(await compared()).toMatchObject({ ...clean, foreign: 2, undecodable: 2 });
  // What comes behind them is found where it belongs.
  await record(12);
  expect(await compared()).toMatchObject({ ...clean, foreign: 2, undecodable: 2 });
});

test('what is older than messages are kept may be gone, and nothing else', async () => {
  const events = await record(12);
  await inTopic("delete from topics.messages where headers->>'ce_position' < $1", [events[6]?.position]);
  const now = Date.now() + 60_000;
  expect(await compared({ retentionMs: 30_000, now })).toMatchObject({ missing: 0, expired: 6 });
  expect(await compared({ retentionMs: 3_600_000, now })).toMatchObject({ missing: 6, expired: 0 });
  // What was published since does not make older ones due.
  await inTopic('delete from topics.messages');
  await record(12);
  const upTo = events.at(-1)?.position as Position;
  expect(await compared({ retentionMs: 30_000, now, upTo })).toMatchObject({ missing: 0, expired: 12 });
});

test('what retention removes while both are read is not missing', async () => {
  await record(2_000, 500);
  let removed = false;
  const removing: Pick<TopicUpkeep, 'read' | 'spans'> = {
    ...upkeep,
    read: async (...asked) => {
      const page = await upkeep.read(...asked);
      if (!removed) await fresh.database.pool.query('delete from topics.messages where "offset" < 700');
      removed = true;
      return page;
    },
  };
  const comparison = await compareTopic({
    ...{ stored: eventStore, codec, upkeep: removing, topic, upTo: await upToDate() },
    ...{ retentionMs: 1, now: Date.now() + 60_000 },
  });
  expect(comparison.missing).toBe(0);
  expect(comparison.expired).toBeGreaterThan(0);
});

test('however much is missing, the log is asked a few times, also for what was given up', async () => {
  const events = await record(4_000, 500);
  const [first, second] = [events[0], events[1_500]] as [RecordedEvent, RecordedEvent];
  await giveUp(first);
  await giveUp(second);
  await upToDate();
  await inTopic('delete from topics.messages');
  const { found, reads } = await countedCompare();
  expect(found).toMatchObject({
    ...{ events: 4_002, missing: 4_000, givenUp: 2, messages: 0 },
    ...{ firstMissing: events[1]?.position, lastMissing: found.upTo },
  });
  expect(reads).toBe(4);
  // All of it comes back, however little of it is remembered.
  expect(await again(events[1]?.position as Position, { pageSize: 500 })).toBe(4_001);
  const mended = await countedCompare({ most: 1_000 });
  expect(mended.found).toMatchObject({ ...clean, events: 4_002, givenUp: 1 });
});

test('however many messages are repeats, the log is asked a few times', async () => {
  const events = await record(4_000, 500);
  expect(await again(events[0]?.position as Position, { pageSize: 500 })).toBe(4_000);
  const { found, reads } = await countedCompare({ most: 1_000 });
  expect(found).toMatchObject({ ...clean, doubled: 4_000, messages: 8_000 });
  expect(reads).toBeLessThanOrEqual(5);
});

test('what cannot be published is passed over where somebody gave it up, and stops the command otherwise', async () => {
  const events = await record(12);
  const [unknown, large] = [events[2], events[7]] as [RecordedEvent, RecordedEvent];
  const refusal = new DaybookError('schema-unknown', 'No such type.');
  const refusing: Partial<RepublishOptions> = {
    codec: {
      ...codec,
      encodeEvents: async (page) => {
        if (page.some(({ id }) => id === unknown.id)) throw refusal;
        return codec.encodeEvents(page);
      },
    },
    upkeep: {
      ...upkeep,
      publish: async (name, messages) => {
        if (messages.some(({ headers }) => headers['ce_id'] === large.id)) throw refusal;
        return upkeep.publish(name, messages);
      },
    },
  };
  const from = events[0]?.position as Position;
  await giveUp(large);
  await upToDate();
  await expect(again(from, refusing)).rejects.toThrow('No such type.');
  await giveUp(unknown);
  await upToDate();
  await inTopic('delete from topics.messages');
  expect(await again(from, refusing)).toBe(12);
  expect(await compared()).toMatchObject({ missing: 0, givenUp: 2, messages: 12 });
});

test('a relay that leads meanwhile writes nothing, and goes on afterwards', async () => {
  const [first] = await record(10);
  const before = await relayLead(fresh.database, {}).take();
  expect(before).toBeNull();
  expect(await again(first?.position as Position)).toBe(10);
  const events = await record(5);
  expect(await compared()).toMatchObject({ ...clean, events: events.length, doubled: 10 });
});

test.each<FailpointName>(['relay.seized', 'topics.published'])(
  'a death after %s leaves the relay to go on',
  async (name) => {
    const [first] = await record(10);
    await stopRelay();
    const disarm = onFailpoint(name, {
      does: () => {
        throw new Error('killed');
      },
    });
    await expect(again(first?.position as Position, { leaseMs: 500 })).rejects.toThrow('killed');
    disarm();
    stopRelay = startRelay();
    await record(5);
    await again(first?.position as Position);
    expect(await compared()).toMatchObject({ ...clean, events: 15, doubled: expect.any(Number) });
  },
);

test('consumers are taken off a topic that is another one than before, until it is mended', async () => {
  const [first] = await record(10);
  const did: string[] = [];
  const noting = (what: 'hold' | 'publish' | 'mend') => (): Promise<void> => {
    did.push(what);
    return Promise.resolve();
  };
  const over = {
    ...{ hold: noting('hold'), mend: noting('mend') },
    publish: async (...sent: Parameters<TopicUpkeep['publish']>) => {
      did.push('publish');
      await upkeep.publish(...sent);
    },
  };
  const loss = { topic, whole: 'shorter', places: [] } as const;
  const more = { upkeep: { ...upkeep, ...over }, loss, consumerLeaseMs: 1 };
  expect(await again(first?.position as Position, more)).toBe(10);
  expect([...new Set(did)]).toEqual(['hold', 'publish', 'mend']);
});
