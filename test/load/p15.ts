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
import type { Metadata, NewEvent } from '@daybook/kernel/event.ts';
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
  title: `Steps of a process, ${String(steps)} waiting: a message in, the process's effect stored, the command sent, decided, and its event stored. Beside jobs that do nothing.`,
  prepare: async (bench) => {
    const sagas = await openSagas(bench);
    const graphile = await openGraphile(bench);
    const subject = { name: 'steps of the process that records prices', unit: 'steps/s', run: sagas.run };
    return {
      contests: [
        {
          subject,
          anchor: {
            name: 'graphile-worker, 24 jobs at once, no batching',
            unit: 'jobs/s',
            run: () => graphile.work('single', steps),
          },
          gate: 1,
          goal: 2,
        },
        {
          subject,
          anchor: {
            name: 'graphile-worker, 24 jobs at once, fetched and completed in batches',
            unit: 'jobs/s',
            run: () => graphile.work('batching', steps),
          },
          gate: 0.2,
          goal: 0.5,
        },
      ],
      close: async () => {
        await sagas.close();
        await graphile.close();
      },
    };
  },
};

/** The process, its dispatcher and the command bus, as the services put them together. */
async function openSagas(bench: Bench): Promise<{ run: () => Promise<Sample>; close: () => Promise<void> }> {
  const log = benchLog;
  const database = await bench.database({ poolSize: 10 });
  const wakeups = memoryWakeups();
  const eventStore = contractStore(postgresEventStore({ database, wakeups, log }), memoryVault());
  const topics = postgresTopics({ database, wakeups, log });
  const codec = makeMessageCodec({ registry: postgresSchemaRegistry(database) });
  await topics.ensure(priceObservationsTopic, { partitions: 8 });
  const sender = makeCommandBus({
    commands: recordingCommands,
    eventStore,
    schemaVersion: currentVersion,
    clock: systemClock,
    log,
  });

  async function publish(productIds: readonly string[]): Promise<readonly string[]> {
    const ids = Array.from({ length: steps }, () => randomUUID());
    const messages = await Promise.all(
      ids.map((observationId, n) =>
        codec.encodeMessage({
          id: randomUUID(),
          type: 'PriceObservation',
          data: observation(observationId, String(productIds[n % products])),
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
    return ids;
  }

  async function run(): Promise<Sample> {
    const ids = await publish(await track(eventStore));
    await database.pool.query('vacuum (analyze)');
    const after = await eventStore.head();
    const stopping = new AbortController();
    const { signal } = stopping;
    const shared = { topics, codec, database, wakeups, log, signal };
    const missing = new Set(ids);
    let running: Promise<unknown> = Promise.resolve();
    const sample = await timed(steps, async () => {
      running = Promise.all([
        runProcess({ ...shared, process: priceRecording, eventStore }),
        runDispatcher({
          ...shared,
          processes: [priceRecording],
          sender,
          effects: {},
          schemaVersion: currentVersion,
        }),
      ]);
      const until = AbortSignal.timeout(120_000);
      for await (const page of eventStore.subscribeAll({ after, signal: until })) {
        for (const { data } of page) missing.delete((data as { observationId: string }).observationId);
        if (missing.size === 0) break;
      }
      return steps - missing.size;
    });
    await judge(database, eventStore, after);
    stopping.abort();
    await running;
    return sample;
  }

  return {
    run,
    close: async () => {
      await topics.close();
      await eventStore.close();
    },
  };
}

/** Each step is recorded once, and no effect is left. */
async function judge(
  database: Database,
  eventStore: EventStore,
  after: Awaited<ReturnType<EventStore['head']>>,
): Promise<void> {
  await eventually(async () => {
    const left = await countRows(database.pool, 'runtime.effects');
    if (left > 0) throw new Error(`${String(left)} effects are left.`);
  });
  let events = 0;
  for await (const page of eventStore.readAll({ after })) events += page.length;
  if (events !== steps) throw new Error(`${String(events)} events of ${String(steps)} steps.`);
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
