/**
 * An old and a new build beside each other on one log, one registry and one topic. The old build is the same code with the
 * contracts of before: `CheckFailed` and `PriceObserved` have but their first version there.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { NewEvent, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { releasedSchemas } from '@daybook/schemas/contracts.generated.ts';
import { freshDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import type { Database } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import type { MessageCodec } from '@daybook/infra/registry/codec.ts';
import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';

type Build = Readonly<{ store: EventStore; codec: MessageCodec; current: (type: string) => number }>;

let database: Database;
let drop: () => Promise<void>;
let older: Build;
let newer: Build;
let raw: EventStore;
const vault = memoryVault();

/** The modules that know contracts, with these schemas in them. */
async function buildWith(released: typeof releasedSchemas): Promise<Build> {
  jest.resetModules();
  jest.unstable_mockModule('@daybook/schemas/contracts.generated.ts', () => ({ releasedSchemas: released }));
  const { contractStore } = await import('@daybook/infra/event-store/contract-store.ts');
  const { makeMessageCodec } = await import('@daybook/infra/registry/codec.ts');
  const { currentVersion } = await import('@daybook/schemas/contracts.ts');
  return {
    store: contractStore(raw, vault),
    codec: makeMessageCodec({ registry: postgresSchemaRegistry(database) }),
    current: currentVersion,
  };
}

beforeAll(async () => {
  ({ database, drop } = await freshDatabase());
  raw = postgresEventStore({ database, wakeups: memoryWakeups(), log: silentLog });
  const raised = new Set(['CheckFailed', 'PriceObserved']);
  newer = await buildWith(releasedSchemas);
  older = await buildWith(releasedSchemas.filter(({ name, version }) => !raised.has(name) || version === 1));
});
afterAll(async () => {
  await raw.close();
  await drop();
});

const productId = '6f1c2a34-8a0e-5b7d-9c21-3d4e5f607182';
const failure = {
  productId,
  observationId: 'o1',
  requestId: 'r1',
  outcome: 'noPrice',
  detail: 'The page shows no price.',
  status: 200,
  snapshotHash: null,
  observedAt: '2026-11-21T06:00:00.000Z',
};
const price = {
  productId,
  observationId: 'o2',
  requestId: 'r2',
  price: { amountMinor: 2_299, currency: 'EUR' },
  method: 'jsonLd',
  snapshotHash: 'ab',
  observedAt: '2026-11-21T07:00:00.000Z',
  availability: 'limited',
  seller: null,
  title: null,
  extractorVersion: 3,
};

function eventOf(type: string, schemaVersion: number, data: object): NewEvent {
  const metadata = {
    schemaVersion,
    tenantId: 'tenant',
    actor: { kind: 'process', id: 'priceRecording' },
    commandId: randomUUID(),
    correlationId: 'c',
  } as const;
  return { id: randomUUID(), type, data, metadata };
}

/** Records with one build and reads the event with another, from the log. */
async function recorded(by: Build, type: string, data: object, reader: Build): Promise<RecordedEvent> {
  const { position } = await by.store.append(`product-${randomUUID()}`, 'no-stream', [
    eventOf(type, by.current(type), data),
  ]);
  return (await reader.store.at(position)) as RecordedEvent;
}

test('the two builds know different versions', () => {
  expect([older.current('CheckFailed'), newer.current('CheckFailed')]).toEqual([1, 2]);
});

test('what an old build writes is read by a new one as of today, from the log and from the topic', async () => {
  const event = await recorded(older, 'CheckFailed', failure, newer);
  expect(event.data).toEqual({ ...failure, extractorVersion: 0 });
  expect(event.metadata.schemaVersion).toBe(2);
  const asOlder = (await older.store.at(event.position)) as RecordedEvent;
  const message = await older.codec.encodeEvent(asOlder);
  expect(await newer.codec.decode(message)).toMatchObject({
    data: event.data,
    metadata: { schemaVersion: 2 },
  });
});

test('what a new build writes more of, an old one reads on, from the log and from the topic', async () => {
  const said = { ...failure, extractorVersion: 4 };
  const event = await recorded(newer, 'CheckFailed', said, older);
  expect(event.data).toEqual(failure);
  // Still the writer's: an old build passes nothing on as its own.
  expect(event.metadata.schemaVersion).toBe(2);
  const message = await newer.codec.encodeEvent((await newer.store.at(event.position)) as RecordedEvent);
  expect(await older.codec.decode(message)).toMatchObject({
    type: 'CheckFailed',
    data: failure,
    position: event.position,
    metadata: { schemaVersion: 2 },
  });
  expect(await newer.codec.decode(message)).toMatchObject({ data: said });
});

test('an old relay stands before what it cannot publish whole, and a new one publishes it', async () => {
  const event = await recorded(newer, 'CheckFailed', { ...failure, extractorVersion: 4 }, older);
  await expect(older.codec.encodeEvents([event])).rejects.toMatchObject({
    code: 'schema-unknown',
    retry: 'never',
  });
  const whole = (await newer.store.at(event.position)) as RecordedEvent;
  expect(await newer.codec.encodeEvents([whole])).toHaveLength(1);
});

test('what a new build says otherwise, an old one refuses: it would have to guess', async () => {
  await expect(recorded(newer, 'PriceObserved', price, older)).rejects.toMatchObject({
    code: 'schema-unknown',
  });
  const position = await raw.head();
  const message = await newer.codec.encodeEvent((await newer.store.at(position)) as RecordedEvent);
  await expect(older.codec.decode(message)).rejects.toMatchObject({ code: 'schema-unknown', retry: 'never' });
});

test('a stream that both write is one history for both', async () => {
  const stream = `product-${productId}` as const;
  const observed = (n: number): object => ({ ...failure, observationId: `n${String(n)}` });
  for (let n = 0; n < 6; n += 1) {
    const [by, data] = n % 2 === 0 ? [older, observed(n)] : [newer, { ...observed(n), extractorVersion: n }];
    await by.store.append(stream, n - 1 < 0 ? 'no-stream' : n - 1, [
      eventOf('CheckFailed', by.current('CheckFailed'), data),
    ]);
  }
  const { dailyChecks } = (await import('@daybook/projectors/market/daily-checks.ts')) as {
    dailyChecks: AnyProjection;
  };
  const { foldBatch, touchesOf } = await import('@daybook/infra/runtime/fold-batch.ts');
  const rowsOf = async ({ store }: Build): Promise<unknown> => {
    const events: RecordedEvent[] = [];
    for await (const page of store.read(stream)) events.push(...page);
    expect(events).toHaveLength(6);
    return foldBatch(dailyChecks, touchesOf(dailyChecks, events), new Map()).upserts;
  };
  expect(await rowsOf(older)).toEqual(await rowsOf(newer));
});
