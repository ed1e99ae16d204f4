import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';

/**
 * A store as it looks where the log begins behind a position: for clauses that want a log of their own, on a server that
 * keeps what earlier ones wrote. Streams are new to each clause by their names.
 */
export function storeSince(store: EventStore, base: Position): EventStore {
  const after = (position: Position = beginning): Position => (position === beginning ? base : position);
  return {
    ...store,
    readAll: (options = {}) => store.readAll({ ...options, after: after(options.after) }),
    subscribeAll: (options) => store.subscribeAll({ ...options, after: after(options.after) }),
    head: async () => {
      const head = await store.head();
      return head === base ? beginning : head;
    },
  };
}
