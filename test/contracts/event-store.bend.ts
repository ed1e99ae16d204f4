/** Ways to put a fault into a store: what `*.broken.ts` are made of. */
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { Appended, EventStore, Expected, NonEmpty, Pages } from '@daybook/kernel/ports/event-store.ts';

/** A store that is broken in one way, with the clause that is there to notice. `make` gives one log's fault. */
export type BentStore = Readonly<{
  name: string;
  caughtBy: string;
  make: () => (store: EventStore) => EventStore;
}>;

export function appending(store: EventStore, append: EventStore['append']): EventStore {
  return { ...store, append };
}

export function expecting(change: (expected: Expected) => Expected): (store: EventStore) => EventStore {
  return (store) =>
    appending(store, (stream, expected, events): Promise<Appended> =>
      store.append(stream, change(expected), events),
    );
}

export type Change = (events: readonly RecordedEvent[]) => readonly RecordedEvent[];

export async function* changed(pages: Pages, change: Change): Pages {
  for await (const page of pages) {
    const events = change(page);
    if (events.length > 0) yield events;
  }
}

export function reading(store: EventStore, change: Change): EventStore {
  return {
    ...store,
    read: (stream, options) => changed(store.read(stream, options), change),
    readAll: (options) => changed(store.readAll(options), change),
    subscribeAll: (options) => changed(store.subscribeAll(options), change),
  };
}

export function mapped<T>(items: NonEmpty<T>, change: (item: T) => T): NonEmpty<T> {
  return items.map(change) as unknown as NonEmpty<T>;
}

export function minusOne(position: Position): Position {
  return String(Math.max(0, Number(position) - 1)).padStart(20, '0') as Position;
}
