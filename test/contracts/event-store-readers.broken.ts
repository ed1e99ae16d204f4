import { randomUUID } from 'node:crypto';
import type { Position, StreamName } from '@daybook/kernel/event.ts';
import type { EventStore, Pages } from '@daybook/kernel/ports/event-store.ts';
import { changed, minusOne, type BentStore } from './event-store.bend.ts';
import { collect } from './event-store.subject.ts';

/** Stores that readers and subscribers cannot rely on. */
export const bentReaders: readonly BentStore[] = [
  {
    name: 'reads names in any case',
    caughtBy: 'missing-stream',
    make: () => (store) => ({
      ...store,
      read: (stream, options) => store.read(stream.toLowerCase() as StreamName, options),
    }),
  },
  {
    name: 'sorts revisions as text',
    caughtBy: 'read-in-order',
    make: () => (store) => ({
      ...store,
      read: async function* (stream, options) {
        const events = await collect(store.read(stream, options));
        const sorted = events.toSorted((a, b) => (String(a.revision) < String(b.revision) ? -1 : 1));
        if (sorted.length > 0) yield sorted;
      },
    }),
  },
  {
    name: 'begins behind the revision asked for',
    caughtBy: 'read-part',
    make: () => (store) => ({
      ...store,
      read: (stream, options) =>
        store.read(stream, options?.from === undefined ? options : { ...options, from: options.from + 1 }),
    }),
  },
  {
    name: 'ignores the size of pages',
    caughtBy: 'read-all-in-order',
    make: () => (store) => ({
      ...store,
      readAll: ({ pageSize: _, ...options } = {}) => store.readAll(options),
    }),
  },
  {
    name: 'has a head one event behind',
    caughtBy: 'head',
    make: () => (store) => ({ ...store, head: async () => minusOne(await store.head()) }),
  },
  {
    name: 'answers with the last event where a position has none',
    caughtBy: 'at-position',
    make: () => (store) => ({
      ...store,
      at: async (position) => (await store.at(position)) ?? (await collect(store.readAll())).at(-1),
    }),
  },
  {
    name: 'has an identity for each store',
    caughtBy: 'identity',
    make: () => (store) => {
      const own = { log: randomUUID(), epoch: '1' };
      return { ...store, identity: () => Promise.resolve(own) };
    },
  },
  {
    name: 'knows its identity only where it was asked for it before',
    caughtBy: 'known-identity',
    make: () => (store) => ({ ...store, knownIdentity: () => Promise.resolve(undefined) }),
  },
  {
    name: 'goes on where the last reader stopped',
    caughtBy: 'stops-reading-ahead',
    make: () => {
      let left: Position | undefined;
      return (store) => ({
        ...store,
        readAll: async function* (options = {}) {
          const rest = left === undefined ? options : { after: left, ...options };
          for await (const page of store.readAll(rest)) {
            left = page.at(-1)?.position;
            yield page;
          }
          left = undefined;
        },
      });
    },
  },
  {
    name: 'tells of its own appends only',
    caughtBy: 'subscription-catches-up-and-follows',
    make: () => (store) => {
      const own = new Set<string>();
      return {
        ...store,
        append: (stream, expected, events) => {
          for (const { id } of events) own.add(id);
          return store.append(stream, expected, events);
        },
        subscribeAll: (options) =>
          changed(store.subscribeAll(options), (events) => events.filter(({ id }) => own.has(id))),
      };
    },
  },
  {
    name: 'begins a subscription once closed',
    caughtBy: 'close-ends-subscriptions',
    make: () => (store) => beginningWhenClosed(store),
  },
  {
    name: 'drops the last event of a full page',
    caughtBy: 'subscription-waits-for-its-reader',
    make: () => (store) => ({
      ...store,
      subscribeAll: (options) =>
        changed(store.subscribeAll(options), (events) => (events.length > 2 ? events.slice(0, 2) : events)),
    }),
  },
];

function beginningWhenClosed(store: EventStore): EventStore {
  let closed = false;
  return {
    ...store,
    close: () => {
      closed = true;
      return store.close();
    },
    subscribeAll: (options): Pages => (closed ? store.readAll() : store.subscribeAll(options)),
  };
}
