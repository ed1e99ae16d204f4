import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { isSealed } from '@daybook/kernel/ports/outside.ts';
import type { Metadata, NewEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { collect } from '@daybook/test/contracts/event-store.subject.ts';
import { memoryVault } from '../vault/memory.ts';
import { contractStore } from './contract-store.ts';
import { memoryEventStore } from './memory.ts';

const metadata = (schemaVersion: number): Metadata => ({
  schemaVersion,
  tenantId: 'acme-1',
  actor: { kind: 'user', id: 'user-1' },
  commandId: 'command',
  correlationId: 'correlation',
});

const registered: NewEvent = {
  id: randomUUID(),
  type: 'UserRegistered',
  data: { userId: 'user-1', tenantId: 'acme-1', email: 'ada@example.org', name: 'Ada', role: 'owner' },
  metadata: metadata(1),
};

const observedV1: NewEvent = {
  id: randomUUID(),
  type: 'PriceObserved',
  data: {
    productId: 'product-1',
    observationId: 'observation-1',
    requestId: 'request-1',
    price: { amountMinor: 1_999, currency: 'EUR' },
    inStock: true,
    method: 'jsonLd',
    snapshotHash: 'a'.repeat(64),
    observedAt: '2026-01-01T06:00:00.000Z',
  },
  metadata: metadata(1),
};

describe('contract store', () => {
  const vault = memoryVault();
  let raw: EventStore;
  let store: EventStore;
  beforeEach(() => {
    raw = memoryEventStore();
    store = contractStore(raw, vault);
  });

  test('seals what the schema says, for the person the event names; reads leave it sealed', async () => {
    await store.append('user-1', 'no-stream', [registered]);
    for (const from of [raw, store]) {
      const [event] = await collect(from.read('user-1'));
      const { email, name, role } = event?.data as Record<string, string>;
      expect([isSealed(email), isSealed(name), role]).toEqual([true, true, 'owner']);
      expect(await vault.open(email ?? '')).toBe('ada@example.org');
      expect(JSON.stringify(event)).not.toContain('ada@');
    }
  });

  test('the person’s key opens it: erasing the person erases the event', async () => {
    const other = {
      ...registered,
      id: randomUUID(),
      data: { ...(registered.data as object), userId: 'user-2' },
    };
    await store.append('user-2', 'no-stream', [other]);
    await vault.erase({ kind: 'subject', id: 'user-2' });
    const [event] = await collect(store.read('user-2'));
    expect(await vault.open((event?.data as { email: string }).email)).toBe('[erased]');
  });

  test('a repeat has the first result, though nothing is sealed twice alike', async () => {
    const { revision, position } = await store.append('user-1', 'no-stream', [registered]);
    expect(await store.append('user-1', 'no-stream', [registered])).toEqual({ revision, position });
    expect(await collect(raw.readAll())).toHaveLength(1);
  });

  test('an event without sealed fields is stored as it is', async () => {
    await store.append('product-1', 'no-stream', [observedV1]);
    const [event] = await collect(raw.read('product-1'));
    expect([event?.data, event?.metadata]).toEqual([observedV1.data, observedV1.metadata]);
  });

  test('reads bring data to the current version and say so', async () => {
    await store.append('product-1', 'no-stream', [observedV1]);
    const live = store.subscribeAll({ signal: new AbortController().signal });
    const reads = [
      await collect(store.read('product-1')),
      await collect(store.readAll()),
      await collect(live, 1),
    ];
    for (const [event] of reads) {
      expect(event?.metadata.schemaVersion).toBe(2);
      expect(event?.data).toMatchObject({ availability: 'inStock', seller: null, extractorVersion: 0 });
      expect(event?.data).not.toHaveProperty('inStock');
    }
  });

  test('data that does not fit its schema is refused, the field named and its value not; nothing is written', async () => {
    const wrong = { ...registered, id: randomUUID(), data: { ...(registered.data as object), email: 42 } };
    const append = store.append('user-1', 'no-stream', [registered, wrong]);
    await expect(append).rejects.toMatchObject({
      code: 'schema-incompatible',
      fields: { type: 'UserRegistered', path: 'email' },
    });
    await expect(append).rejects.not.toThrow(/42/);
    const more = { ...observedV1, data: { ...(observedV1.data as object), colour: 'red' } };
    await expect(store.append('product-1', 'any', [more])).rejects.toMatchObject({
      code: 'schema-incompatible',
    });
    expect(await collect(raw.readAll())).toEqual([]);
  });

  test('types and versions without a contract are refused, and so are topic messages', async () => {
    const unknown = [
      { ...registered, type: 'NobodyKnows' },
      { ...registered, metadata: metadata(9) },
      { ...registered, type: 'ScrapeRequested' },
    ];
    for (const event of unknown) {
      await expect(store.append('user-1', 'any', [event])).rejects.toMatchObject({ code: 'schema-unknown' });
    }
    await raw.append('user-1', 'any', [{ ...registered, type: 'NobodyKnows' }]);
    await expect(collect(store.readAll())).rejects.toMatchObject({ code: 'schema-unknown' });
  });

  test('a sealed field needs somebody to be sealed for', async () => {
    const nobody = { ...registered, data: { ...(registered.data as object), userId: '' } };
    await expect(store.append('user-1', 'any', [nobody])).rejects.toMatchObject({
      code: 'schema-incompatible',
      fields: { path: 'userId' },
    });
  });

  test('head and close are the store’s own', async () => {
    const { position } = await store.append('user-1', 'any', [registered]);
    expect(await store.head()).toBe(position);
    await store.close();
    await expect(raw.append('user-1', 'any', [registered])).rejects.toMatchObject({ code: 'unavailable' });
  });
});
