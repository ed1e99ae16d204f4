import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Metadata } from '@daybook/kernel/event.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { importEvents, type ImportedEvent } from './import-events.ts';
import { postgresEventStore } from './postgres.ts';

const metadata: Metadata = {
  schemaVersion: 1,
  tenantId: randomUUID(),
  actor: { kind: 'system', id: 'test' },
  commandId: randomUUID(),
  correlationId: randomUUID(),
};

function renamed(productId: string, revision: number, name = `Name ${String(revision)}`): ImportedEvent {
  return {
    id: randomUUID(),
    type: 'ProductRenamed',
    data: { productId, name },
    metadata,
    stream: `product-${productId}`,
    revision,
    recordedAt: '2026-01-01T06:00:00.123Z',
  };
}

async function* pagesOf(
  events: readonly ImportedEvent[],
  size = 3,
): AsyncGenerator<readonly ImportedEvent[], void, undefined> {
  for (let n = 0; n < events.length; n += size) yield await Promise.resolve(events.slice(n, n + size));
}

describe('a bulk import', () => {
  let database: Database;
  let drop: () => Promise<void>;
  beforeEach(async () => {
    ({ database, drop } = await freshDatabase());
  });
  afterEach(() => drop());

  const run = (events: AsyncIterable<readonly ImportedEvent[]>) =>
    importEvents({ database, wakeups: memoryWakeups(), events, batchSize: 4 });

  async function stored(): Promise<readonly ImportedEvent[]> {
    const store = postgresEventStore({ database, wakeups: memoryWakeups(), log: silentLog });
    const all: ImportedEvent[] = [];
    for await (const page of store.readAll()) {
      for (const { position, ...event } of page) {
        expect(position).toBe(String(all.length + 1).padStart(20, '0'));
        all.push(event);
      }
    }
    await store.close();
    return all;
  }

  const [a, b] = [randomUUID(), randomUUID()];
  /** Two streams in turn, with texts that COPY would take for something else. */
  const events = Array.from({ length: 10 }, (_, n) =>
    renamed(n % 2 === 0 ? a : b, Math.floor(n / 2), 'a\tb\nc\\d\\N "e" \u2028 é'),
  );

  test('keeps order, ids, revisions, times and every character', async () => {
    const { imported, present, position } = await run(pagesOf(events));
    expect([imported, present, position]).toEqual([10, 0, '00000000000000000010']);
    expect(await stored()).toEqual(events);
  });

  test('an import that was cut off goes on where it was', async () => {
    const cut = async function* () {
      yield* pagesOf(events.slice(0, 7));
      throw new Error('cut off');
    };
    await expect(run(cut())).rejects.toThrow('cut off');
    expect((await stored()).length).toBe(6);
    expect(await run(pagesOf(events))).toMatchObject({ imported: 4, present: 6 });
    expect(await stored()).toEqual(events);
    expect(await run(pagesOf(events))).toMatchObject({ imported: 0, present: 10 });
  });

  test('appends go on behind what was imported', async () => {
    await run(pagesOf(events));
    const store = postgresEventStore({ database, wakeups: memoryWakeups(), log: silentLog });
    const { id, type, data, metadata: own } = renamed(a, 5);
    expect(await store.append(`product-${a}`, 4, [{ id, type, data, metadata: own }])).toMatchObject({
      revision: 5,
      position: '00000000000000000011',
    });
    await store.close();
  });

  const [first, second, third] = [renamed(a, 0), renamed(a, 1), renamed(a, 2)];
  test.each([
    ['a hole in a batch', [first, third], { code: 'revision-conflict' }],
    ['a stream that begins in its middle', [second], { code: 'revision-conflict' }],
    ['an id that stands twice', [first, { ...second, id: first.id }], { code: 'revision-conflict' }],
    ['data that is not of its schema', [{ ...first, data: { name: 1 } }], { code: 'schema-incompatible' }],
    ['a type without a contract', [{ ...first, type: 'NothingKnown' }], { code: 'schema-unknown' }],
    ['a name that is none', [{ ...first, stream: 'nothing' as never }], { name: 'TypeError' }],
    ['a time that is none', [{ ...first, recordedAt: 'yesterday' }], { name: 'TypeError' }],
    ['a revision that is none', [{ ...first, revision: -1 }], { name: 'TypeError' }],
  ])('refuses %s, and nothing is written', async (_, wrong, error) => {
    await expect(run(pagesOf(wrong))).rejects.toMatchObject(error);
    expect(await stored()).toEqual([]);
  });

  test('refuses a place that another event has', async () => {
    await run(pagesOf([first]));
    await expect(run(pagesOf([renamed(a, 0)]))).rejects.toMatchObject({
      code: 'revision-conflict',
      fields: { stream: `product-${a}`, revision: 0 },
    });
    expect(await stored()).toEqual([first]);
  });

  test('keeps sealed values as they come, and refuses clear text in their place', async () => {
    const data = {
      userId: 'user-0123456789',
      tenantId: 't',
      email: 'ada@shop.example',
      name: 'Ada',
      role: 'owner',
    };
    const user = { ...first, type: 'UserRegistered', data };
    await expect(run(pagesOf([user]))).rejects.toMatchObject({
      code: 'schema-incompatible',
      fields: { path: 'email' },
    });
    const sealed = { ...user, data: { ...data, email: 'sealed:v1:abc', name: 'sealed:v1:def' } };
    await run(pagesOf([sealed]));
    expect(await stored()).toEqual([sealed]);
  });
});
