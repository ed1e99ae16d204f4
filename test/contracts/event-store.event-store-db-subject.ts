import { eventStoreDb } from '@daybook/infra/event-store/event-store-db/event-store-db.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { startStandIn } from '../fakes/event-store-db/server.ts';
import { without, type Subject } from './contract.ts';
import { eventStoreClauses } from './event-store.contract.ts';
import { storeSince } from './event-store.since.ts';
import { clausesOfTransactions, noTransactions, type EventStoreSubject } from './event-store.subject.ts';

export const eventStoreDbClauses = without(eventStoreClauses, clausesOfTransactions);

/** A stand-in of its own. */
export async function onStandIn(): Promise<Subject<EventStoreSubject>> {
  const server = await startStandIn();
  return subjectAt(server.url, (store) => store, server.stop);
}

/** A server that keeps what earlier subjects wrote: the log as it goes on from here. */
export async function onServer(url: string): Promise<Subject<EventStoreSubject>> {
  const asking = eventStoreDb({ url, name: 'contract' });
  const base = await asking.head().finally(() => asking.close());
  return subjectAt(url, (store) => storeSince(store, base));
}

function subjectAt(
  url: string,
  seen: (store: EventStore) => EventStore,
  stop: () => Promise<void> = () => Promise.resolve(),
): Subject<EventStoreSubject> {
  const stores: EventStore[] = [];
  const another = (): EventStore => {
    const store = eventStoreDb({ url, name: 'contract' });
    stores.push(store);
    return seen(store);
  };
  return {
    port: {
      store: another(),
      another,
      holdTransaction: noTransactions,
    },
    close: async () => {
      await Promise.all(stores.map((store) => store.close()));
      await stop();
    },
  };
}
