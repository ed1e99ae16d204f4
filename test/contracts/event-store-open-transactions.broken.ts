import type { Broken } from './contract.ts';
import { reading } from './event-store.bend.ts';
import { memorySubject } from './event-store.memory-subject.ts';
import type { EventStoreSubject } from './event-store.subject.ts';

/**
 * A log ordered by transaction ids: readers see nothing that was recorded since the oldest transaction still open in
 * `where` began.
 */
function hidesBehind(where: 'same database' | 'another database'): Broken<EventStoreSubject> {
  return {
    name: `hides what was recorded while a transaction in ${where === 'same database' ? 'its' : 'another'} database is open`,
    clause: `open-transactions-in-${where.replace(' ', '-')}`,
    make: () => {
      const hidden = new Set<string>();
      let open = 0;
      return memorySubject(
        (store) => ({
          ...reading(store, (events) => events.filter(({ id }) => !hidden.has(id))),
          append: (stream, expected, events) => {
            if (open > 0) for (const { id } of events) hidden.add(id);
            return store.append(stream, expected, events);
          },
        }),
        (there) => {
          if (there === where) open += 1;
          return Promise.resolve(() => {
            if (there === where) open -= 1;
            if (open === 0) hidden.clear();
            return Promise.resolve();
          });
        },
      )();
    },
  };
}

/** Stores that a transaction which has nothing to do with them holds up. */
export const openTransactionStores: readonly Broken<EventStoreSubject>[] = [
  hidesBehind('same database'),
  hidesBehind('another database'),
];
