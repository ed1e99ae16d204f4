import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { NewEvent, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import type { CommandResult } from '@daybook/kernel/ports/outside.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { jsonCodec } from '@daybook/test/support/json-codec.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { memoryEventStore } from '../event-store/memory.ts';
import { memoryTopics } from '../topics/memory-topics.ts';
import { runDispatcher } from './dispatcher.ts';
import { runHousekeeping } from './housekeeping.ts';
import { orders, paid, placed } from './process.fixture.ts';
import { runProcess } from './run-process.ts';
import { runTimers } from './timers.ts';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let store: EventStore;
let topics: Topics;
let stops: (() => Promise<void>)[] = [];
const wakeups = memoryWakeups();
const topic = { partitions: 2, retentionMs: 3_600_000 };

beforeEach(async () => {
  opened = await freshDatabase();
  store = memoryEventStore();
  topics = memoryTopics();
  await topics.ensure(eventsTopic, topic);
});
afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
  stops = [];
  await topics.close();
  await store.close();
  await opened.drop();
});

/** Runs a loop until its stop is called, or the test is over. */
function running(loop: (signal: AbortSignal) => Promise<void>): () => Promise<void> {
  const stopping = new AbortController();
  const done = loop(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await done;
  };
  stops.push(stop);
  return stop;
}

const shared = () => ({ database: opened.database, wakeups, log: silentLog, processes: [orders] });

const follow = () =>
  running((signal) =>
    runProcess({ ...shared(), process: orders, topics, eventStore: store, codec: jsonCodec, topic, signal }),
  );

/** Records events; answers with them. */
async function happen(...said: ReturnType<typeof placed>[]): Promise<readonly RecordedEvent[]> {
  const before = await store.head();
  for (const { type, data, tenantId = 'a' } of said) {
    const event: NewEvent = {
      type,
      data,
      id: crypto.randomUUID(),
      metadata: {
        schemaVersion: 1,
        tenantId,
        actor: { kind: 'system', id: 'test' },
        commandId: 'c',
        correlationId: 'c',
      },
    };
    await store.append(`order-${event.id}`, 'no-stream', [event] as NonEmpty<NewEvent>);
  }
  const events: RecordedEvent[] = [];
  for await (const page of store.readAll({ after: before })) events.push(...page);
  return events;
}

const relay = (events: readonly RecordedEvent[]) => topics.publish(eventsTopic, events.map(jsonCodec.encode));

async function instances(): Promise<string[]> {
  const { rows } = await opened.database.pool.query<{ instance_id: string }>(
    'select instance_id from runtime.process_instances order by 1',
  );
  return rows.map(({ instance_id: id }) => id);
}

test('from an event over a timer to the commands, by the loops alone', async () => {
  const sent: string[] = [];
  const accepted: CommandResult = { ok: true, streamId: '', revision: 0, position: '', answer: null };
  follow();
  running((signal) => runTimers({ ...shared(), signal }));
  running((signal) =>
    runDispatcher({
      ...shared(),
      sender: {
        send: ({ command }) => {
          sent.push(command);
          return Promise.resolve(accepted);
        },
      },
      topics,
      codec: jsonCodec,
      effects: {},
      schemaVersion: () => 1,
      signal,
    }),
  );
  const { rows } = await opened.database.pool.query<{ soon: string }>(
    `select clock_timestamp() + interval '300 milliseconds' as soon`,
  );
  await relay(await happen(placed('1', rows[0]?.soon)));
  await eventually(() => expect(sent).toEqual(['Greet', 'Remind', 'Remind']));
  await eventually(async () => expect(await instances()).toEqual([]));
});

test('a process that stood still for long takes what it missed from the store', async () => {
  const stop = follow();
  await relay(await happen(placed('1')));
  await eventually(async () => expect(await instances()).toEqual(['1']));
  await stop();
  await happen(placed('2'), placed('3', undefined, undefined, 'b'));
  await opened.database.pool.query(`update runtime.checkpoints set moved_at = now() - interval '31 minutes'`);
  follow();
  await eventually(async () => expect(await instances()).toEqual(['1', '2', '3']));
});

test('a stop while it takes what it missed leaves the rest to the next start', async () => {
  const stop = follow();
  await relay(await happen(placed('1')));
  await eventually(async () => expect(await instances()).toEqual(['1']));
  await stop();
  await happen(placed('2'), placed('3'));
  await opened.database.pool.query(`update runtime.checkpoints set moved_at = now() - interval '31 minutes'`);
  const stopping = new AbortController();
  const { signal } = stopping;
  const stoppedHalfway: Pick<EventStore, 'readAll'> = {
    readAll: async function* (read) {
      for await (const page of store.readAll({ ...read, pageSize: 1 })) {
        yield page;
        if ((await instances()).includes('2')) stopping.abort();
      }
    },
  };
  const eventStore = { ...store, ...stoppedHalfway };
  await runProcess({ ...shared(), process: orders, topics, eventStore, codec: jsonCodec, topic, signal });
  expect(await instances()).toEqual(['1', '2']);
  follow();
  await eventually(async () => expect(await instances()).toEqual(['1', '2', '3']));
});

test('an event of the store that cannot be taken in is parked with what follows for its tenant; others go on', async () => {
  const stop = follow();
  await relay(await happen(placed('1'), placed('2', undefined, undefined, 'b')));
  await eventually(async () => expect(await instances()).toEqual(['1', '2']));
  await stop();
  await happen(paid('1', 1), paid('1', -1), paid('2', 4, 'b'), paid('1', 2), paid('2', 5, 'b'));
  await opened.database.pool.query(`update runtime.checkpoints set moved_at = now() - interval '31 minutes'`);
  const stopAgain = follow();
  const parkedTexts = async () =>
    (await topics.deadLetters(eventsTopic, orders.name)).map(({ parked, message, reason }) => [
      parked,
      message.key,
      reason.slice(0, 14),
    ]);
  await eventually(async () =>
    expect(await parkedTexts()).toEqual([
      [true, 'a', 'handler-throws'],
      [false, 'a', 'Waits behind a'],
    ]),
  );
  await eventually(async () => expect(await paidBy()).toEqual({ 1: 1, 2: 9 }));
  await relay(await happen(paid('1', 3), paid('2', 0, 'b')));
  await eventually(async () => expect(await parkedTexts()).toHaveLength(3));
  await stopAgain();
  // Mended: what is below zero counts too, and nobody is thanked.
  const mended = { ...orders, react: () => [] };
  running((signal) =>
    runProcess({ ...shared(), process: mended, topics, eventStore: store, codec: jsonCodec, topic, signal }),
  );
  const [letter] = await topics.deadLetters(eventsTopic, orders.name);
  await topics.release(letter?.id ?? 0);
  await eventually(async () => expect(await paidBy()).toEqual({ 1: 1 - 1 + 2 + 3, 2: 9 }));
  await eventually(async () => expect(await parkedTexts()).toEqual([]));
});

async function paidBy(): Promise<Record<string, number>> {
  const { rows } = await opened.database.pool.query<{ instance_id: string; paid: number }>(
    `select instance_id, (state->>'paid')::integer as paid from runtime.process_instances order by 1`,
  );
  return Object.fromEntries(rows.map((row) => [row.instance_id, row.paid]));
}

test('what is needed no longer is forgotten, what is dead stays', async () => {
  const { pool } = opened.database;
  await pool.query(
    `insert into runtime.process_inputs values ('p', 'old', now() - interval '38 days'),
       ('p', 'of a message held for an absent group', now() - interval '36 days');
     insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata, status, closed_at)
     select gen_random_uuid(), 'p', 'a', 'i', '{}', '{}', status, now() - age
     from (values ('rejected', interval '31 days'), ('rejected', interval '1 day'), ('dead', interval '1 year'))
       as of_age (status, age)`,
  );
  running((signal) => runHousekeeping({ database: opened.database, log: silentLog, signal }));
  await eventually(async () => {
    expect((await pool.query('select input_id from runtime.process_inputs')).rows).toEqual([
      { input_id: 'of a message held for an absent group' },
    ]);
    expect((await pool.query('select status from runtime.effects order by seq')).rows).toEqual([
      { status: 'rejected' },
      { status: 'dead' },
    ]);
  });
});
