import { randomUUID } from 'node:crypto';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { memorySchemaRegistry } from '@daybook/infra/registry/memory.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { beginning, type StreamName } from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import { done, type OutMessage, type Topics } from '@daybook/kernel/ports/topics.ts';
import { silentLog } from '../support/silent-log.ts';
import { appendLoad } from './append-load.ts';
import type { Bar } from './bar.ts';
import { concurrently, type Sample } from './measure.ts';
import { sampleEvent } from './sample-events.ts';

const callers = 128;
const durationMs = 3_000;
const backlog = 100_000;
const partitions = 8;
const keys = Array.from({ length: 50 }, () => randomUUID());

export const bar: Bar = {
  name: 'p14',
  title: 'Topics on PostgreSQL: publishing against appending, consuming against catching up.',
  prepare: async (bench) => {
    const database = await bench.database();
    const wakeups = memoryWakeups();
    const store = postgresEventStore({ database, wakeups, log: silentLog });
    const topics = postgresTopics({ database, wakeups, log: silentLog });
    await topics.ensure('published', { partitions });
    await topics.ensure('backlog', { partitions });
    const messages = await sampleMessages();
    for (let n = 0; n < backlog; n += 1_000) {
      await topics.publish(
        'backlog',
        Array.from({ length: 1_000 }, (_, i) => messages[(n + i) % messages.length] as OutMessage),
      );
    }
    // A log of its own: what the contest on writing appends does not lengthen it.
    const readDatabase = await bench.database();
    const readStore = postgresEventStore({ database: readDatabase, wakeups, log: silentLog });
    for (let n = 0; n < backlog; n += 500) await fill(readStore, 500);
    for (const each of [database, readDatabase]) await each.pool.query('vacuum (analyze)');
    return {
      contests: [
        {
          subject: {
            name: `publish of one message, ${String(callers)} callers`,
            unit: 'messages/s',
            run: async () => {
              const { perSecond, latenciesMs } = await concurrently(callers, durationMs, (call) =>
                topics.publish('published', [messages[call % messages.length] as OutMessage]),
              );
              return { figure: perSecond, latenciesMs };
            },
          },
          anchor: {
            name: `append of one event, ${String(callers)} callers (P1)`,
            unit: 'events/s',
            run: () => appendLoad(store, callers, durationMs),
          },
          gate: 0.5,
          goal: 0.8,
        },
        {
          subject: {
            name: `consuming ${String(backlog)} messages, acknowledged`,
            unit: 'messages/s',
            run: () => consumeAll(topics),
          },
          anchor: {
            name: 'catch-up read of as many events (P7)',
            unit: 'events/s',
            run: () => readAll(readStore),
          },
          gate: 0.5,
          goal: 0.8,
        },
      ],
      close: async () => {
        await topics.close();
        await Promise.all([store.close(), readStore.close()]);
      },
    };
  },
};

/** Messages as the relay makes them, of as many tenants as there are keys. */
async function sampleMessages(): Promise<readonly OutMessage[]> {
  const codec = makeMessageCodec({ registry: memorySchemaRegistry() });
  return Promise.all(
    keys.map((tenantId) => {
      const event = sampleEvent();
      return codec.encodeEvent({
        ...event,
        metadata: { ...event.metadata, tenantId },
        stream: `product-${randomUUID()}`,
        revision: 7,
        position: beginning,
        recordedAt: '2026-01-01T06:00:00.000Z',
      });
    }),
  );
}

async function fill(store: EventStore, count: number): Promise<void> {
  const stream: StreamName = `product-${randomUUID()}`;
  const events = Array.from({ length: count }, sampleEvent) as unknown as NonEmpty<
    ReturnType<typeof sampleEvent>
  >;
  await store.append(stream, 'no-stream', events);
}

/** A new group from its first message to its last, until all is handled. */
async function consumeAll(topics: Topics): Promise<Sample> {
  const group = randomUUID();
  const leaving = new AbortController();
  let seen = 0;
  const began = performance.now();
  const run = topics.run(
    'backlog',
    group,
    ({ messages }) => {
      seen += messages.length;
      if (seen === backlog) leaving.abort();
      return Promise.resolve(done);
    },
    { signal: leaving.signal },
  );
  await run;
  const seconds = (performance.now() - began) / 1000;
  const lag = await topics.lag('backlog', group);
  if (seen !== backlog || lag.some(({ next, end }) => next !== end)) throw new Error('Messages were lost.');
  return { figure: seen / seconds };
}

async function readAll(store: EventStore): Promise<Sample> {
  let seen = 0;
  const began = performance.now();
  for await (const page of store.readAll()) seen += page.length;
  if (seen !== backlog) throw new Error('Events were lost.');
  return { figure: seen / ((performance.now() - began) / 1000) };
}
