import { randomUUID } from 'node:crypto';
import { recordingCommands } from '@daybook/command-service/market/recording-commands.ts';
import { systemClock } from '@daybook/infra/ambient.ts';
import type { Database } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { makeCommandBus } from '@daybook/infra/runtime/command-bus.ts';
import { runDispatcher } from '@daybook/infra/runtime/dispatcher.ts';
import { runProcess } from '@daybook/infra/runtime/run-process.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import type { Metadata, NewEvent, Position } from '@daybook/kernel/event.ts';
import { later } from '@daybook/kernel/instant.ts';
import { done, type Topics } from '@daybook/kernel/ports/topics.ts';
import { defineProcess, type AnyProcess, type TopicMessage } from '@daybook/kernel/process.ts';
import type { PriceObservation } from '@daybook/schemas/market/events.generated.ts';
import { openStates } from '@daybook/infra/runtime/open-states.ts';
import { processConsumer } from '@daybook/infra/runtime/checkpoints.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { eventually } from '../support/eventually.ts';
import { currentVersion } from '@daybook/schemas/contracts.ts';
import { priceObservationsTopic } from '@daybook/schemas/topics.ts';
import { priceRecording } from '@daybook/sagas/market/price-recording.ts';
import { benchLog } from './bench-log.ts';
import type { Bar, Bench } from './bar.ts';
import { countRows } from './bench-database.ts';
import { openGraphile } from './graphile-peer.ts';
import { timed, type Sample } from './measure.ts';

const steps = 10_000;
const products = 1_000;
const metadata: Metadata = {
  schemaVersion: 1,
  tenantId: randomUUID(),
  actor: { kind: 'system', id: 'bench' },
  commandId: randomUUID(),
  correlationId: randomUUID(),
};

export const bar: Bar = {
  name: 'p15',
  title: `Steps of processes, ${String(steps)} messages waiting, beside jobs that do nothing: a step within the process (its state and a timer stored), and one that leaves it (its effect stored, the command sent, decided, its event stored).`,
  prepare: async (bench) => {
    const sagas = await openSagas(bench);
    const graphile = await openGraphile(bench);
    const within = {
      name: 'steps within a process: state and timer',
      unit: 'steps/s',
      run: () => sagas.run(sagas.within),
    };
    const single = {
      name: 'graphile-worker 0.18, 24 jobs at once, no batching',
      unit: 'jobs/s',
      run: () => graphile.work('single', steps),
    };
    const batching = {
      name: 'graphile-worker 0.18, 24 jobs at once, fetched and completed in batches',
      unit: 'jobs/s',
      run: () => graphile.work('batching', steps),
    };
    const sending = {
      name: 'steps that send a command: effect, command, event',
      unit: 'steps/s',
      run: () => sagas.run(sagas.sending),
    };
    return {
      contests: [
        { subject: within, anchor: single, gate: 1, goal: 2 },
        { subject: within, anchor: batching, gate: 0.2, goal: 0.5 },
        { subject: sending, anchor: single, gate: 1, goal: 2 },
      ],
      close: async () => {
        await sagas.close();
        await graphile.close();
      },
    };
  },
};

/** Remembers what a product cost last, and wakes when nothing more is heard of it. */
const watching = defineProcess<
  TopicMessage<'PriceObservation', PriceObservation>,
  Readonly<{ seen: number; last: PriceObservation['price'] }>
>({
  name: 'benchWatching',
  topic: priceObservationsTopic,
  handles: ['PriceObservation'],
  route: (input) => ({ to: 'startOrContinue', id: input.data.productId }),
  initialState: () => ({ seen: 0, last: null }),
  evolve: (state, input) =>
    input.type === 'TimerDue' ? state : { seen: state.seen + 1, last: input.data.price },
  react: (input) =>
    input.type === 'TimerDue'
      ? []
      : [{ kind: 'wake', timer: 'silence', when: { at: later(input.recordedAt, 86_400_000) } }],
});

/** A process at work: `run` ends its loops. */
type Work = Readonly<{
  process: AnyProcess;
  /** Resolves once all steps are done. @throws Error where one is lost or doubled */
  finished(after: Position): Promise<number>;
}>;

type Sagas = Readonly<{
  within: Work;
  sending: Work;
  run(work: Work): Promise<Sample>;
  close(): Promise<void>;
}>;

/** Processes, their dispatcher and the command bus, as the services put them together. */
async function openSagas(bench: Bench): Promise<Sagas> {
  const log = benchLog;
  const database = await bench.database();
  const wakeups = memoryWakeups();
  const eventStore = contractStore(postgresEventStore({ database, wakeups, log }), memoryVault());
  const topics = postgresTopics({ database, wakeups, log });
  const codec = makeMessageCodec({ registry: postgresSchemaRegistry(database) });
  await topics.ensure(priceObservationsTopic, { partitions: 8 });
  const states = await openStates({
    platform: { database, eventStore, log },
    serviceFolder: '',
    cacheBytes: 64 * 1024 * 1024,
    snapshotEveryEvents: 0,
  });
  const sender = makeCommandBus({
    commands: recordingCommands,
    eventStore,
    schemaVersion: currentVersion,
    clock: systemClock,
    log,
    states,
  });

  async function publish(productIds: readonly string[]): Promise<void> {
    const messages = await Promise.all(
      Array.from({ length: steps }, (_, n) =>
        codec.encodeMessage({
          id: randomUUID(),
          type: 'PriceObservation',
          data: observation(randomUUID(), String(productIds[n % products])),
          metadata: { ...metadata, schemaVersion: currentVersion('PriceObservation') },
          recordedAt: systemClock.now(),
          key: String(productIds[n % products]),
          source: '/bench',
        }),
      ),
    );
    for (let n = 0; n < steps; n += 1_000) {
      await topics.publish(priceObservationsTopic, messages.slice(n, n + 1_000));
    }
  }

  /** A group that was never there begins with the first message: it is let go before what is to be measured. */
  async function passOver({ process }: Work): Promise<void> {
    const leaving = new AbortController();
    const group = processConsumer(process).group;
    const reading = topics.run(priceObservationsTopic, group, () => Promise.resolve(done), {
      signal: leaving.signal,
    });
    await eventually(() => nothingLeft(topics, group), waiting);
    leaving.abort();
    await reading;
  }

  async function run(work: Work): Promise<Sample> {
    await passOver(work);
    await publish(await track(eventStore));
    await database.pool.query('vacuum (analyze)');
    const after = await eventStore.head();
    const stopping = new AbortController();
    const { signal } = stopping;
    const { process } = work;
    const shared = { topics, codec, database, wakeups, log, signal };
    let running: Promise<unknown> = Promise.resolve();
    const sample = await timed(steps, () => {
      running = Promise.all([
        runProcess({ ...shared, process, eventStore }),
        runDispatcher({
          ...shared,
          processes: [process],
          sender,
          effects: {},
          schemaVersion: currentVersion,
        }),
      ]);
      return work.finished(after);
    });
    await judge(database, eventStore, after, process);
    stopping.abort();
    await running;
    return sample;
  }

  return {
    run,
    within: {
      process: watching,
      finished: async () => {
        await eventually(() => nothingLeft(topics, processConsumer(watching).group), waiting);
        const { rows } = await database.pool.query<{ seen: number }>(
          `with gone as (delete from runtime.process_instances where process = $1 returning state),
             timers as (delete from runtime.timers where process = $1 returning 1)
           select coalesce(sum((state->>'seen')::integer), 0) + 0 * (select count(*) from timers) as seen from gone`,
          [watching.name],
        );
        return Number(rows[0]?.seen);
      },
    },
    sending: {
      process: priceRecording,
      finished: async (after) => {
        let recorded = 0;
        const signal = AbortSignal.timeout(120_000);
        for await (const page of eventStore.subscribeAll({ after, signal })) {
          recorded += page.length;
          if (recorded >= steps) break;
        }
        return recorded;
      },
    },
    close: async () => {
      await states.close();
      await topics.close();
      await eventStore.close();
    },
  };
}

const waiting = { withinMs: 120_000, everyMs: 5 };

async function nothingLeft(topics: Topics, group: string): Promise<void> {
  const lag = await topics.lag(priceObservationsTopic, group);
  if (lag.some(({ next, end }) => next < end)) throw new Error('Messages are waiting.');
}

/** No effect is left, and each observation that was recorded is recorded once. */
async function judge(
  database: Database,
  eventStore: EventStore,
  after: Position,
  process: AnyProcess,
): Promise<void> {
  await eventually(async () => {
    const left = await countRows(database.pool, 'runtime.effects');
    if (left > 0) throw new Error(`${String(left)} effects are left.`);
  }, waiting);
  const recorded = new Set<string>();
  let events = 0;
  for await (const page of eventStore.readAll({ after })) {
    for (const { data } of page) recorded.add((data as { observationId: string }).observationId);
    events += page.length;
  }
  const expected = process === priceRecording ? steps : 0;
  if (events !== expected || recorded.size !== expected) throw new Error(`${String(events)} events.`);
}

async function track(eventStore: EventStore): Promise<readonly string[]> {
  const ids = Array.from({ length: products }, () => randomUUID());
  await Promise.all(
    ids.map((productId) => {
      const event: NewEvent = {
        id: randomUUID(),
        type: 'ProductTracked',
        data: {
          productId,
          url: 'https://shop.example/espresso-machine',
          host: 'shop.example',
          name: null,
          source: 'page',
          tags: [],
          group: null,
          schedule: { cron: '0 6 * * *', timeZone: 'UTC' },
        },
        metadata,
      };
      return eventStore.append(`product-${productId}`, 'no-stream', [event]);
    }),
  );
  return ids;
}

function observation(observationId: string, productId: string): object {
  return {
    observationId,
    requestId: randomUUID(),
    productId,
    url: 'https://shop.example/espresso-machine',
    outcome: 'price',
    price: { amountMinor: 129_900, currency: 'EUR' },
    availability: 'inStock',
    seller: null,
    title: 'Espresso machine',
    method: 'jsonLd',
    extractorVersion: 1,
    snapshotHash: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
    detail: null,
    status: 200,
    observedAt: '2026-01-01T06:00:00.000Z',
  };
}
