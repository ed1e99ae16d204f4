import { eventStoreDb } from '@daybook/infra/event-store/event-store-db/event-store-db.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { startStandIn } from '../fakes/event-store-db/server.ts';
import { registerContract, without, type Subject } from './contract.ts';
import { eventStoreClauses } from './event-store.contract.ts';
import { storeSince } from './event-store.since.ts';
import { clausesOfTransactions, noTransactions, type EventStoreSubject } from './event-store.subject.ts';

const clauses = without(eventStoreClauses, clausesOfTransactions);
const given = process.env['EVENTSTORE_URL'] ?? '';

if (given === '') {
  registerContract('event store', 'EventStoreDB (stand-in)', clauses, async () => {
    const server = await startStandIn();
    return subjectAt(server.url, (store) => store, server.stop);
  });
} else {
  registerContract('event store', 'EventStoreDB (of EVENTSTORE_URL)', clauses, async () => {
    const asking = eventStoreDb({ url: given, name: 'contract' });
    const base = await asking.head().finally(() => asking.close());
    return subjectAt(given, (store) => storeSince(store, base));
  });
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
