import { randomUUID } from 'node:crypto';
import { isDaybookError, revisionConflict } from '@daybook/kernel/errors.ts';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { Broken } from './contract.ts';
import { appending, expecting, mapped, minusOne, reading, type BentStore } from './event-store.bend.ts';
import { openTransactionStores } from './event-store-open-transactions.broken.ts';
import { memorySubject } from './event-store.memory-subject.ts';
import { bentReaders } from './event-store-readers.broken.ts';
import { bentWriters } from './event-store-writers.broken.ts';
import { collect, type EventStoreSubject } from './event-store.subject.ts';

/** Stores that are each broken in one way, with the clause that is there to notice. */
const broken: readonly BentStore[] = [
  {
    name: 'ignores no-stream',
    caughtBy: 'no-stream',
    make: () => expecting((expected) => (expected === 'no-stream' ? 'any' : expected)),
  },
  {
    name: 'ignores stream-exists',
    caughtBy: 'stream-exists',
    make: () => expecting((expected) => (expected === 'stream-exists' ? 'any' : expected)),
  },
  {
    name: 'ignores revisions',
    caughtBy: 'expected-revision',
    make: () => expecting((expected) => (typeof expected === 'number' ? 'any' : expected)),
  },
  {
    name: 'checks the revision before it waits',
    caughtBy: 'one-winner',
    make: () => (store) =>
      appending(store, async (stream, expected, events) => {
        const [last] = await collect(store.read(stream, { direction: 'backwards', limit: 1 }));
        const actual = last?.revision ?? -1;
        const fits = expected === actual || (expected === 'no-stream' && actual === -1) || expected === 'any';
        if (!fits) throw revisionConflict(stream, expected, actual);
        return store.append(stream, 'any', events);
      }),
  },
  {
    name: 'names the expected revision as the actual one',
    caughtBy: 'expected-revision',
    make: () => (store) =>
      appending(store, (stream, expected, events) =>
        store.append(stream, expected, events).catch((error: unknown) => {
          throw isDaybookError(error) ? revisionConflict(stream, expected, Number(expected)) : error;
        }),
      ),
  },
  {
    name: 'forgets event ids',
    caughtBy: 'repeat-gives-first-result',
    make: () => {
      const seen = new Set<string>();
      const fresh = (id: string): string => (seen.has(id) ? randomUUID() : (seen.add(id), id));
      return (store) =>
        appending(store, (stream, expected, events) =>
          store.append(
            stream,
            expected,
            mapped(events, (event) => ({ ...event, id: fresh(event.id) })),
          ),
        );
    },
  },
  {
    name: 'writes what is new of a partial repeat',
    caughtBy: 'partial-repeat',
    make: () => (store) =>
      appending(store, async (stream, expected, events) => {
        const known = new Set((await collect(store.read(stream))).map(({ id }) => id));
        const rest = events.filter(({ id }) => !known.has(id));
        return rest.length === 0 || rest.length === events.length
          ? store.append(stream, expected, events)
          : store.append(stream, expected, rest as unknown as typeof events);
      }),
  },
  {
    name: 'says that it wrote what it found',
    caughtBy: 'claims-no-repeat',
    make: () => (store) =>
      appending(store, async (...append) => ({ ...(await store.append(...append)), wrote: true })),
  },
  {
    name: 'finds ids in any stream',
    caughtBy: 'find',
    make: () => (store) => ({
      ...store,
      find: async (_, ids) => (await collect(store.readAll())).filter(({ id }) => ids.includes(id)),
    }),
  },
  {
    name: 'splits a batch',
    caughtBy: 'whole-batch',
    make: () => (store) =>
      appending(store, (stream, expected, events) =>
        store.append(stream, expected, events).catch(async (error: unknown) => {
          await store.append(stream, 'any', [events[0]]);
          throw error;
        }),
      ),
  },
  {
    name: 'lets the events of two batches mingle',
    caughtBy: 'concurrent-any',
    make: () => (store) =>
      appending(store, async (stream, expected, events) => {
        let result = await store.append(stream, expected, [events[0]]);
        for (const event of events.slice(1)) {
          await Promise.resolve();
          result = await store.append(stream, 'any', [event]);
        }
        return result;
      }),
  },
  {
    name: 'answers with the first event of a batch',
    caughtBy: 'answers-revision-and-position',
    make: () => (store) =>
      appending(store, async (stream, expected, events) => {
        const { revision, position } = await store.append(stream, expected, events);
        return { revision: revision - events.length + 1, position };
      }),
  },
  {
    name: 'makes appends of one moment share their fate',
    caughtBy: 'mixed-outcomes',
    make: () => {
      let group: Promise<unknown>[] = [];
      return (store) =>
        appending(store, async (stream, expected, events) => {
          const own = store.append(stream, expected, events);
          const together = group;
          together.push(own);
          await Promise.resolve();
          group = [];
          await Promise.all(together);
          return own;
        });
    },
  },
  {
    name: 'shows a later commit before an earlier position',
    caughtBy: 'seen-then-nothing-before',
    make: () => {
      const uncommitted = new Set<string>();
      let count = 0;
      const visible = (events: readonly RecordedEvent[]): readonly RecordedEvent[] =>
        events.filter(({ id }) => !uncommitted.has(id));
      return (store) => ({
        ...reading(store, visible),
        append: async (stream, expected, events) => {
          events.forEach(({ id }) => uncommitted.add(id));
          const result = await store.append(stream, expected, events);
          // Positions are drawn, and every third transaction takes longer to commit.
          if ((count += 1) % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
          events.forEach(({ id }) => uncommitted.delete(id));
          return result;
        },
      });
    },
  },
  {
    name: 'reads on from the last position instead of after it',
    caughtBy: 'read-all-part',
    make: () => (store) => ({
      ...store,
      readAll: ({ after, ...others } = {}) =>
        store.readAll({ ...others, ...(after === undefined ? {} : { after: minusOne(after) }) }),
    }),
  },
  {
    name: 'answers with positions without leading zeros',
    caughtBy: 'positions-are-printable',
    make: () => (store) =>
      reading(store, (events) =>
        events.map((event) => ({ ...event, position: String(Number(event.position)) as Position })),
      ),
  },
  {
    name: 'hands out the objects it keeps',
    caughtBy: 'answers-cannot-change-the-log',
    make: () => {
      const kept = new Map<string, RecordedEvent>();
      return (store) =>
        reading(store, (events) =>
          events.map((event) => {
            const own = kept.get(event.id) ?? (JSON.parse(JSON.stringify(event)) as RecordedEvent);
            kept.set(event.id, own);
            return own;
          }),
        );
    },
  },
  {
    name: 'ends a subscription with an error',
    caughtBy: 'subscription-ends-quietly',
    make: () => (store) => ({
      ...store,
      subscribeAll: async function* (options) {
        yield* store.subscribeAll(options);
        options.signal.throwIfAborted();
      },
    }),
  },
  {
    name: 'takes appends once closed',
    caughtBy: 'close',
    make: () => (store) => ({ ...store, close: () => Promise.resolve() }),
  },
];

/** Stores that are each broken in one way, over the memory adapter. */
export const brokenEventStores: readonly Broken<EventStoreSubject>[] = [
  ...[...broken, ...bentWriters, ...bentReaders].map(({ name, caughtBy, make }) => ({
    name,
    clause: caughtBy,
    make: () => memorySubject(make())(),
  })),
  ...openTransactionStores,
];
