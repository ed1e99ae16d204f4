import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '@daybook/infra/database/database.ts';
import { memoryWakeups, postgresWakeups, type Wakeups } from '@daybook/infra/database/wakeups.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { openRegistry } from '@daybook/infra/registry/open-registry.ts';
import { runRelay } from '@daybook/infra/relay/relay.ts';
import { followPositions, type Positions } from '@daybook/infra/runtime/positions.ts';
import { partitionsOfTenants } from '@daybook/infra/runtime/tenant-partitions.ts';
import { openTopics, type OpenTopics } from '@daybook/infra/topics/open-topics.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { eventsTopic, topicContracts } from '@daybook/schemas/contracts.ts';
import { eventually } from '../support/eventually.ts';
import { silentLog } from '../support/silent-log.ts';
import type { Bench } from './bar.ts';
import { countRows } from './bench-database.ts';
import { fillStore } from './fill-store.ts';
import { concurrently, percentile, type Sample } from './measure.ts';
import { sampleEvent } from './sample-events.ts';

/** Which wake-ups get lost: none, those between processes, or all of them. */
export type Lost = 'none' | 'notify' | 'all';

/** Events a second. */
export const perSecond = 2_000;
const tickMs = 5;
const seconds = 5;
const projection = 'prices';

/** Wake-ups of which some never arrive. */
export function lossyWakeups(database: Database, lost: Lost): Wakeups {
  if (lost === 'none') return postgresWakeups(database, silentLog);
  const local = memoryWakeups();
  return lost === 'notify' ? local : { ...local, notify: () => undefined };
}

/** Where the topics of a chain are, and their schemas: on Kafka, or in the database where nothing is given. */
export type ChainEngines = Readonly<{ broker?: string; registryUrl?: string }>;

/** The topics of a chain, in any of its processes. */
export function openChainTopics(
  database: Database,
  wakeups: Wakeups,
  { broker }: ChainEngines,
): Promise<OpenTopics> {
  const brokers = broker === undefined ? [] : [broker];
  return openTopics({
    settings: {
      brokers,
      driver: 'kafkajs',
      tls: false,
      ca: undefined,
      mechanism: 'plain',
      username: undefined,
      password: undefined,
    },
    database,
    wakeups,
    log: silentLog,
    name: 'bench',
  });
}

/** From an append to what a reader sees: store and relay in this process, the projector in another. */
export type VisibleChain = Readonly<{
  databaseUrl: string;
  /** Appends at the rate and times each event from its acknowledgement; the figure is the 99th percentile in ms. */
  run(): Promise<Sample>;
  /**
   * As many appends as the chain takes while so many events are under way at a time, each until a reader sees it; the
   * figure is events a second.
   */
  sustained(underWay: number): Promise<Sample>;
  close(): Promise<void>;
}>;

export type ChainOptions = Readonly<{
  /** Events a second. Default 2 000. */
  rate?: number;
  /** Events that are in the log, and in the read model, before the first run. Default 0. */
  history?: number;
  engines?: ChainEngines;
}>;

/** Opens the chain. */
export async function openVisibleChain(
  bench: Bench,
  lost: Lost,
  { rate = perSecond, history = 0, engines = {} }: ChainOptions = {},
): Promise<VisibleChain> {
  const log = silentLog;
  const database = await bench.database();
  const wakeups = lossyWakeups(database, lost);
  const store = contractStore(postgresEventStore({ database, wakeups, log }), memoryVault());
  const { topics, relayOutput } = await openChainTopics(database, wakeups, engines);
  for (const { name, partitions } of topicContracts) await topics.ensure(name, { partitions });
  const stopping = new AbortController();
  const relay = runRelay({
    eventStore: store,
    codec: makeMessageCodec({ registry: await openRegistry({ url: engines.registryUrl }, database) }),
    output: relayOutput,
    log,
    signal: stopping.signal,
  });
  const positions = followPositions({
    database,
    wakeups,
    projections: [projection],
    partitionOf: partitionsOfTenants(topics, eventsTopic),
    log,
  });
  const projector = fork(
    join(import.meta.dirname, 'p11-projector.ts'),
    [database.url, lost, JSON.stringify(engines)],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  await once(projector, 'message');
  if (history > 0) await fillStore(store, history, tenants);
  await eventually(async () => expectRows(await countRows(database.pool, `read.${projection}`), history), {
    withinMs: 120_000,
  });
  let acknowledged = history;
  const counted = async (sample: Sample): Promise<Sample> => {
    acknowledged += sample.latenciesMs?.length ?? 0;
    expectRows(await countRows(database.pool, `read.${projection}`), acknowledged);
    return sample;
  };
  return {
    databaseUrl: database.url,
    run: async () => counted(await load(store, positions, rate)),
    sustained: async (underWay) => {
      const work = (call: number): Promise<number> => visible(store, positions, call);
      const { perSecond: figure, latenciesMs } = await concurrently(underWay, seconds * 1_000, work);
      return counted({ figure, latenciesMs });
    },
    close: async () => {
      await ended(projector);
      stopping.abort();
      await relay;
      await positions.close();
      await topics.close();
      await store.close();
      await wakeups.close();
    },
  };
}

function expectRows(rows: number, expected: number): void {
  if (rows !== expected) throw new Error(`The read model has ${String(rows)} rows of ${String(expected)}.`);
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.send('stop');
  await exit;
}

const tenants = Array.from({ length: 20 }, () => randomUUID());

/** Appends at a steady rate, whatever comes back. */
async function load(store: EventStore, positions: Positions, rate: number): Promise<Sample> {
  const latenciesMs: number[] = [];
  const underWay: Promise<void>[] = [];
  const startedAt = performance.now();
  const total = rate * seconds;
  while (underWay.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - startedAt) / 1_000) * rate));
    while (underWay.length < due) {
      underWay.push(
        visible(store, positions, underWay.length).then((ms) => {
          latenciesMs.push(ms);
        }),
      );
    }
    await pause(tickMs);
  }
  await Promise.all(underWay);
  const tookSeconds = (performance.now() - startedAt) / 1_000;
  if (tookSeconds > seconds * 1.25) throw new Error(`The rate was not kept: ${tookSeconds.toFixed(1)} s.`);
  return { figure: percentile(latenciesMs, 99), latenciesMs };
}

async function visible(store: EventStore, positions: Positions, index: number): Promise<number> {
  const event = sampleEvent();
  const tenantId = tenants[index % tenants.length] as string;
  const { position } = await store.append(`product-${randomUUID()}`, 'no-stream', [
    {
      ...event,
      data: { ...event.data, observationId: randomUUID() },
      metadata: { ...event.metadata, tenantId },
    },
  ]);
  const acknowledgedAt = performance.now();
  await positions.waitFor(position, [projection], tenantId, 30_000);
  return performance.now() - acknowledgedAt;
}
