/** An installation whose log is moved, for tests. */
import { randomUUID } from 'node:crypto';
import type { Metadata, StreamName } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { contractFor } from '@daybook/schemas/contracts.ts';
import { collect } from '@daybook/test/contracts/event-store.subject.ts';
import { goldenTypes } from '@daybook/test/golden/golden.ts';
import { startStandIn, type StandIn } from '@daybook/test/fakes/event-store-db/server.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { quietDatabase, type House } from '../backup/house.fixture.ts';
import { loadConfig } from '../config/load.ts';
import { daybookSettings } from '../config/settings.ts';
import { contractStore } from '../event-store/contract-store.ts';
import type { ImportedEvent } from '../event-store/import-events.ts';
import { watchLog } from '../event-store/log-watch.ts';
import { makeMessageCodec } from '../registry/codec.ts';
import { postgresSchemaRegistry } from '../registry/postgres.ts';
import { memoryVault } from '../vault/memory.ts';
import { openMovableLog, type LogPlace, type MovableLog } from './movable-log.ts';
import { moveLog, type MovedLog } from './move-log.ts';
import { lineOf } from './read-in-step.ts';
import { openMovableTopic, type MovableTopic } from './movable-topic.ts';
import { refillEventsTopic } from './refill-events-topic.ts';

export const applicationName = 'a test';

export type MovingHouse = House &
  Readonly<{
    server: StandIn;
    inDatabase: LogPlace;
    onServer: LogPlace;
    topic: MovableTopic;
    /** Opens a log; it is closed with the house. */
    open: (place: LogPlace) => Promise<MovableLog>;
    /** Fills a log that is empty, and lets the database's consumers follow it. */
    fill: (place: LogPlace, events: readonly ImportedEvent[]) => Promise<void>;
    /** Publishes the log up to its end. */
    publish: (place: LogPlace) => Promise<void>;
    move: (from: LogPlace, to: LogPlace) => Promise<MovedLog>;
    rows: <Row extends object>(text: string) => Promise<readonly Row[]>;
  }>;

const settings = daybookSettings.pick({ kafka: true });

/** A database with an empty log, and an empty EventStoreDB (a stand-in). @param env where the topics are; default: in the database */
export async function movingHouse(env: Readonly<Record<string, string>> = {}): Promise<MovingHouse> {
  const house = await quietDatabase();
  const { database } = house;
  const server = await startStandIn();
  const { kafka } = loadConfig(settings, env);
  const topic = await openMovableTopic({
    settings: kafka,
    database,
    name: 'daybook migrate-log',
    log: silentLog,
  });
  const opened: MovableLog[] = [];
  const codec = makeMessageCodec({ registry: postgresSchemaRegistry(database) });
  const open = async (place: LogPlace): Promise<MovableLog> => {
    const log = await openMovableLog(place, { database, name: 'test', log: silentLog });
    opened.push(log);
    return log;
  };
  return {
    ...house,
    server,
    topic,
    inDatabase: { kind: 'database' },
    onServer: { kind: 'eventStoreDb', url: server.url },
    open,
    fill: async (place, events) => {
      const log = await open(place);
      await put(log, events);
      await (await watchLog({ eventStore: log.store, database, log: silentLog })).close();
    },
    publish: async (place) => {
      const { store } = await open(place);
      const eventStore = contractStore(store, memoryVault());
      const { output } = topic;
      await topic.ensure();
      const logs = { stored: store, eventStore, former: store };
      await refillEventsTopic({ database, ...logs, output, codec, log: silentLog });
    },
    move: async (from, to) =>
      moveLog({
        database,
        applicationName,
        from: await open(from),
        to: await open(to),
        fromDatabase: from.kind === 'database',
        topic,
        codec,
        vault: memoryVault(),
        log: silentLog,
      }),
    rows: async <Row extends object>(text: string) => (await database.pool.query<Row>(text)).rows,
    drop: async () => {
      for (const log of opened) await log.close();
      await topic.close();
      await server.stop();
      await house.drop();
    },
  };
}

/** Adds events behind those of a log. */
export async function put({ take }: MovableLog, events: readonly ImportedEvent[]): Promise<void> {
  await take(inPages(events), () => undefined);
}

async function* inPages(events: readonly ImportedEvent[]): AsyncGenerator<readonly ImportedEvent[]> {
  for (let n = 0; n < events.length; n += 500) yield await Promise.resolve(events.slice(n, n + 500));
}

/** All of a log, one line an event; positions are left out. */
export async function linesOf(store: EventStore): Promise<readonly string[]> {
  return (await collect(store.readAll())).map(lineOf);
}

export type Written = Readonly<{
  stream: StreamName;
  type?: string;
  data?: object;
  schemaVersion?: number;
  tenantId?: string;
  recordedAt?: string;
}>;

/** Events in the order given, numbered in their streams. Default: a product is renamed, today. */
export function eventsOf(written: readonly Written[]): readonly ImportedEvent[] {
  const revisions = new Map<string, number>();
  return written.map((one, n) => {
    const { stream, type = 'ProductRenamed', data, schemaVersion = 1, tenantId = 'a' } = one;
    const revision = (revisions.get(stream) ?? -1) + 1;
    revisions.set(stream, revision);
    const recordedAt = one.recordedAt ?? new Date(Date.now() - 60_000 + n).toISOString();
    const id = randomUUID();
    const metadata = metadataOf({ schemaVersion, tenantId, commandId: id });
    const renamed = { productId: stream.slice(8), name: `Name ${String(n)}` };
    return { id, type, data: data ?? renamed, metadata, stream, revision, recordedAt };
  });
}

function metadataOf(own: Pick<Metadata, 'schemaVersion' | 'tenantId' | 'commandId'>): Metadata {
  return {
    ...own,
    actor: { kind: 'user', id: 'ada' },
    command: 'RenameProduct',
    correlationId: randomUUID(),
    causationId: randomUUID(),
    steps: [{ kind: 'timer', name: 'überfällig', ref: 'x@1', at: '2026-01-01T00:00:00.000Z' }],
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
}

const strange = 'tab\t line\n back\\slash \\N \\. "quoted" \u0000 \u2028 ü 🙂 \ud800';

/**
 * More than 5,000 events of years: a stream of 2,000, neighbours of one stream, hundreds of short streams in turn, texts at
 * which an escape could go wrong, sealed fields, and every version of every event that there ever was.
 */
export function richLog(): readonly ImportedEvent[] {
  const golden = goldenTypes()
    .filter(({ type }) => contractFor(type).kind === 'event')
    .flatMap(({ type, version, cases }) =>
      cases.map(({ data }): Written => ({
        stream: 'golden-Ünïcøde 🙂',
        type,
        schemaVersion: version,
        data: sealedForm(type, data as Record<string, unknown>),
      })),
    );
  const written: Written[] = [
    ...Array.from({ length: 700 }, (): Written => ({ stream: 'product-long' })),
    ...golden,
    ...Array.from({ length: 3_900 }, (_, n): Written => {
      const stream: StreamName = n % 3 === 0 ? 'product-long' : `product-${String(n % 650)}`;
      return n % 100 === 7
        ? { stream, data: { productId: 'ß', name: strange } }
        : { stream, tenantId: `tenant-${String(n % 7)}` };
    }),
    ...Array.from({ length: 600 }, (): Written => ({ stream: 'product-日本語 / ?#%' })),
  ];
  const began = Date.parse('2024-02-29T23:59:59.001Z');
  return eventsOf(
    written.map((one, n) => ({ ...one, recordedAt: new Date(began + n * 10_007).toISOString() })),
  );
}

function sealedForm(type: string, data: Readonly<Record<string, unknown>>): object {
  const sealed = contractFor(type).sealed.map(({ field }) => field);
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      key,
      sealed.includes(key) && typeof value === 'string' ? `sealed:v1:${btoa(key)}` : value,
    ]),
  );
}
