import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { NewEvent, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { done, type InMessage, type Topics } from '@daybook/kernel/ports/topics.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups, type Wakeups } from '../database/wakeups.ts';
import { postgresEventStore } from '../event-store/postgres.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import type { FailpointName } from '../failpoints/names.ts';
import { postgresTopics } from '../topics/postgres-topics.ts';
import { listParked } from '../parking/parked.ts';
import { relayLag } from './relay-lag.ts';
import { relayInDatabase, relayThroughTopics, type RelayOutput } from './relay-output.ts';
import { runRelay, type RelayOptions } from './relay.ts';

const topic = 'daybook.events.v1';
const tenants = ['tenant-a', 'tenant-b', 'tenant-c'];
const leaseMs = 1_500;

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let wakeups: Wakeups;
let eventStore: EventStore;
let topics: Topics;

beforeEach(async () => {
  fresh = await freshDatabase();
  wakeups = memoryWakeups();
  const { database } = fresh;
  eventStore = postgresEventStore({ database, wakeups, log: silentLog });
  topics = postgresTopics({ database, wakeups, log: silentLog, retention: { everyMs: 0 } });
  await topics.ensure(topic, { partitions: 4 });
});
afterEach(async () => {
  await topics.close();
  await eventStore.close();
  await fresh.drop();
});

type Outputs = Readonly<Record<string, (instance?: string) => RelayOutput>>;

/** The two ways to publish; `instance` as a process of that name has it. */
const outputs: Outputs = {
  'through the port': (instance) =>
    relayThroughTopics({ database: fresh.database, topics, topic, leaseMs, ...(instance && { instance }) }),
  'in one transaction': (instance) =>
    relayInDatabase({ database: fresh.database, wakeups, topic, leaseMs, ...(instance && { instance }) }),
};

const codec: RelayOptions['codec'] = {
  encodeEvent: async (event) => jsonCodec.encode(event),
  encodeEvents: async (events) => events.map((event) => jsonCodec.encode(event)),
};

function die(): never {
  throw new Error('killed');
}

function relay(output: RelayOutput, options: Partial<RelayOptions> = {}) {
  const stopping = new AbortController();
  const ended = runRelay({
    eventStore,
    codec,
    output,
    log: silentLog,
    signal: stopping.signal,
    pageSize: 7,
    backOff: { firstMs: 5, mostMs: 50 },
    ...options,
  });
  // What a test expects of the end it awaits itself.
  ended.catch(() => undefined);
  return {
    ended,
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

let written = 0;
/** Appends events, one by one, tenants in turn. */
async function record(count: number, type = 'ThingHappened'): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    written += 1;
    const tenantId = tenants[n % tenants.length] ?? '';
    await eventStore.append(`thing-${tenantId}`, 'any', [eventOf(type, tenantId)]);
  }
}

function eventOf(type: string, tenantId: string): NewEvent {
  const actor = { kind: 'system', id: 'test' } as const;
  const [commandId, correlationId] = [randomUUID(), randomUUID()];
  const metadata = { schemaVersion: 1, tenantId, actor, commandId, correlationId };
  return { id: randomUUID(), type, data: { n: written }, metadata };
}

async function recorded(): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of eventStore.readAll()) events.push(...page);
  return events;
}

/** Everything on the topic, in the order of each partition. */
async function published(): Promise<InMessage[]> {
  const seen: InMessage[] = [];
  const leaving = new AbortController();
  const group = randomUUID();
  const run = topics.run(
    topic,
    group,
    async ({ messages }) => {
      seen.push(...messages);
      return done;
    },
    { signal: leaving.signal },
  );
  await eventually(async () => {
    const lag = await topics.lag(topic, group);
    expect(lag.every(({ next, end }) => next === end)).toBe(true);
  });
  leaving.abort();
  await run;
  return seen;
}

/** The oracle: nothing lost; per tenant in order once repeats are dropped; nothing that is not stored. Gives the repeats. */
async function verify(): Promise<number> {
  const events = await recorded();
  const messages = await published();
  for (const tenant of tenants) {
    const expected = events.filter(({ metadata }) => metadata.tenantId === tenant).map(({ id }) => id);
    let last = '';
    const deduplicated = messages
      .filter(({ key }) => key === tenant)
      .filter(({ headers }) => {
        const position = headers['ce_position'] ?? '';
        if (position <= last) return false;
        last = position;
        return true;
      })
      .map(({ headers }) => headers['ce_id']);
    expect(deduplicated).toEqual(expected);
  }
  return messages.length - events.length;
}

const upToDate = async (): Promise<void> => {
  expect(await relayLag({ database: fresh.database, eventStore })).toMatchObject({ events: 0, seconds: 0 });
};

describe.each(Object.keys(outputs))('the relay, %s', (way) => {
  const outputOf = (instance?: string): RelayOutput => (outputs[way] as Outputs[string])(instance);

  test('forwards the log in order, follows it live, and goes on where it stopped', async () => {
    await record(20);
    const first = relay(outputOf());
    await eventually(upToDate);
    await record(5);
    await eventually(upToDate);
    await first.stop();
    await record(5);
    expect(await relayLag({ database: fresh.database, eventStore })).toMatchObject({
      events: 5,
      leads: false,
    });
    const second = relay(outputOf());
    await eventually(upToDate);
    await second.stop();
    expect(await verify()).toBe(0);
  });

  const deaths: [FailpointName, number][] = [
    ['relay.leading', 1],
    ['relay.read', 2],
    ['relay.encoded', 2],
    ['relay.forwarded', 2],
    ...(way === 'through the port' ? ([['relay.published', 2]] as [FailpointName, number][]) : []),
  ];
  test.each(deaths)('a death after %s loses nothing', async (name, nth) => {
    await record(30);
    const disarm = onFailpoint(name, { nth, does: die });
    const dying = relay(outputOf('relay'));
    await expect(dying.ended).rejects.toThrow('killed');
    disarm();
    const heir = relay(outputOf('relay'));
    await eventually(upToDate);
    await heir.stop();
    // At most the one page that was published and not recorded as such.
    expect(await verify()).toBe(name === 'relay.published' ? 7 : 0);
  });

  test('one leads; the other stands by, and takes over when the lease is over', async () => {
    await record(10);
    const led: string[] = [];
    const dying = relay(outputOf(), { hooks: { leading: (leads) => leads && led.push('first') } });
    await eventually(() => expect(led).toEqual(['first']));
    const standby = relay(outputOf(), { hooks: { leading: (leads) => leads && led.push('second') } });
    await eventually(upToDate);
    expect(led).toEqual(['first']);
    const disarm = onFailpoint('relay.read', { nth: 1, does: die });
    await record(10);
    await expect(dying.ended).rejects.toThrow('killed');
    disarm();
    await eventually(upToDate);
    expect(led).toEqual(['first', 'second']);
    await standby.stop();
    expect(await verify()).toBe(0);
  });

  test('a leader that was paused past its lease writes nothing when it wakes up', async () => {
    await record(10);
    let wake: () => void = () => undefined;
    const paused = new Promise<void>((resolve) => (wake = resolve));
    let asleep = false;
    const whole = outputOf();
    const gate = async (): Promise<void> => {
      if (asleep) await paused;
    };
    const sleepy: RelayOutput = {
      ...whole,
      lead: { ...whole.lead, keep: (epoch) => gate().then(() => whole.lead.keep(epoch)) },
      forward: (batch) => gate().then(() => whole.forward(batch)),
    };
    const disarm = onFailpoint('relay.encoded', {
      nth: 1,
      does: () => {
        asleep = true;
      },
    });
    const old = relay(sleepy);
    await eventually(() => expect(asleep).toBe(true));
    disarm();
    const heir = relay(outputOf());
    await eventually(upToDate);
    await record(3);
    await eventually(upToDate);
    asleep = false;
    wake();
    await record(3);
    await eventually(upToDate);
    await Promise.all([old.stop(), heir.stop()]);
    expect(await verify()).toBe(0);
  });

  describe('before an event that cannot be encoded', () => {
    let known = false;
    const refuse = (event: RecordedEvent): void => {
      if (event.type !== 'Strange' || known) return;
      throw new DaybookError('schema-unknown', 'No such type.', { fields: { subject: 'Strange' } });
    };
    const strict: Parameters<typeof relay>[1] = {
      codec: {
        encodeEvent: async (event) => {
          refuse(event);
          return jsonCodec.encode(event);
        },
        encodeEvents: async (events) => {
          events.forEach(refuse);
          return codec.encodeEvents(events);
        },
      },
    };

    async function blocked(hooks: Parameters<typeof relay>[1] = {}) {
      known = false;
      await record(8);
      await record(1, 'Strange');
      await record(3);
      const wakeups = memoryWakeups();
      const running = relay(outputOf(), { ...strict, ...hooks, wakeups });
      const parked = await eventually(async () => {
        const [one] = await listParked(fresh.database.pool, {}, { limit: 10 });
        if (one === undefined) throw new Error('Nothing is parked yet.');
        return one;
      });
      return { running, parked, wakeups };
    }

    test('it stands still in plain words, publishes what is before it, and goes on once it can', async () => {
      const failed: [string, boolean][] = [];
      const { running, parked, wakeups } = await blocked({
        hooks: { failed: (error, forGood) => failed.push([error.code, forGood]) },
      });
      const strange = (await recorded()).find(({ type }) => type === 'Strange');
      expect(parked).toMatchObject({
        parkedId: `relay-${String(strange?.position)}`,
        kind: 'relay',
        consumer: 'relay events',
        tenantId: 'tenant-a',
        eventId: strange?.id,
        eventType: 'Strange',
        stream: 'thing-tenant-a',
        revision: strange?.revision,
        reason: 'schema-unknown',
        attempts: 1,
        waiting: null,
      });
      expect(failed).toEqual([['schema-unknown', true]]);
      expect(await published()).toHaveLength(8);
      known = true;
      wakeups.notify('relay');
      await eventually(upToDate);
      await running.stop();
      expect(await verify()).toBe(0);
      expect(await listParked(fresh.database.pool, {}, { limit: 10 })).toEqual([]);
    });

    const skip = (position: string) =>
      eventStore.append(`parked-relay-${position}`, 'no-stream', [eventOf('ParkedSkipped', 'tenant-a')]);

    test('a skip never jumps over what stands before the event and could not be published', async () => {
      known = false;
      await record(4);
      await record(1, 'Strange');
      await record(2);
      const strange = (await recorded()).find(({ type }) => type === 'Strange');
      await skip(String(strange?.position));
      const output = outputOf();
      let tries = 0;
      const refusing: RelayOutput = {
        ...output,
        forward: (batch) => {
          const away = batch.messages.length > 0 && (tries += 1) <= 3;
          return away
            ? Promise.reject(new DaybookError('unavailable', 'Locked.', { retry: 'later' }))
            : output.forward(batch);
        },
      };
      const running = relay(refusing, {
        ...strict,
        wakeups: memoryWakeups(),
        backOff: { firstMs: 1, mostMs: 5 },
      });
      await eventually(upToDate);
      await running.stop();
      expect(tries).toBeGreaterThan(3);
      const ids = (await published()).map(({ headers }) => String(headers['ce_id']));
      const wanted = (await recorded()).filter(({ type }) => type !== 'Strange').map(({ id }) => id);
      expect(ids.toSorted()).toEqual(wanted.toSorted());
    });

    test('it passes over the event once that is recorded, also after a restart', async () => {
      const { running, parked, wakeups } = await blocked();
      await running.stop();
      await skip(parked.parkedId.slice('relay-'.length));
      const next = relay(outputOf(), { ...strict, wakeups });
      await eventually(upToDate);
      await next.stop();
      const types = (await published()).map(({ headers }) => headers['ce_type']);
      expect(types).not.toContain('Strange');
      expect(types).toHaveLength((await recorded()).length - 1);
      expect(await listParked(fresh.database.pool, {}, { limit: 10 })).toEqual([]);
    });
  });

  test('waits through a registry and an engine that are away', async () => {
    await record(10);
    const whole = outputOf();
    let failures = 0;
    const flaky = (): void => {
      failures += 1;
      if (failures < 4) throw new DaybookError('unavailable', 'Away.', { retry: 'later' });
    };
    const running = relay(
      {
        ...whole,
        forward: async (batch) => {
          flaky();
          return whole.forward(batch);
        },
      },
      {
        codec: {
          ...codec,
          encodeEvents: async (events) => {
            flaky();
            return codec.encodeEvents(events);
          },
        },
      },
    );
    await eventually(upToDate);
    await running.stop();
    expect(await verify()).toBe(0);
  });
});
