import { randomUUID } from 'node:crypto';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { appending, expecting, mapped, reading, type BentStore } from './event-store.bend.ts';

/** Stores that writers cannot rely on, alone or beside others. */
export const bentWriters: readonly BentStore[] = [
  {
    name: 'takes any for no-stream',
    caughtBy: 'any',
    make: () => expecting((expected) => (expected === 'any' ? 'no-stream' : expected)),
  },
  {
    name: 'checks no revision from the third on',
    caughtBy: 'agrees-with-a-model',
    make: () => expecting((expected) => (typeof expected === 'number' && expected >= 3 ? 'any' : expected)),
  },
  {
    name: 'drops the trace context',
    caughtBy: 'keeps-data',
    make: () => (store) =>
      appending(store, (stream, expected, events) =>
        store.append(
          stream,
          expected,
          mapped(events, ({ metadata: { traceparent: _, ...metadata }, ...event }) => ({
            ...event,
            metadata,
          })),
        ),
      ),
  },
  {
    name: 'records times of no zone',
    caughtBy: 'records-the-time',
    make: () => (store) =>
      reading(store, (events) =>
        events.map((event) => ({ ...event, recordedAt: event.recordedAt.slice(0, -1) })),
      ),
  },
  {
    name: 'makes ids out of anything',
    caughtBy: 'refuses-nonsense',
    make: () => (store) =>
      appending(store, (stream, expected, events) =>
        store.append(
          stream,
          expected,
          mapped(events, (event) => ({ ...event, id: event.id.toLowerCase() })),
        ),
      ),
  },
  {
    name: 'takes a repeat of what is under way for something new',
    caughtBy: 'concurrent-repeats',
    make: () => {
      const underWay = new Set<string>();
      return (store) =>
        appending(store, async (stream, expected, events) => {
          const repeated = underWay.has(events[0].id);
          underWay.add(events[0].id);
          await Promise.resolve();
          const own = repeated ? mapped(events, (event) => ({ ...event, id: randomUUID() })) : events;
          return store.append(stream, repeated ? 'any' : expected, own);
        });
    },
  },
  {
    name: 'answers before others can read it',
    caughtBy: 'acknowledged-is-readable',
    make: () => {
      const hidden = new Set<string>();
      return (store) => ({
        ...reading(store, (events) => events.filter(({ id }) => !hidden.has(id))),
        append: (stream, expected, events) => {
          for (const { id } of events) hidden.add(id);
          setImmediate(() => {
            hidden.clear();
          });
          return store.append(stream, expected, events);
        },
      });
    },
  },
  {
    name: 'gives a stream up that many fight over',
    caughtBy: 'hot-stream-with-bystanders',
    make: () => {
      let conflicts = 0;
      return (store) =>
        appending(store, (stream, expected, events) =>
          store.append(stream, expected, events).catch((error: unknown) => {
            conflicts += 1;
            throw conflicts > 5 ? new DaybookError('unavailable', 'Too many conflicts.') : error;
          }),
        );
    },
  },
];
