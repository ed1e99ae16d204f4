import { eventStoreDb } from '@daybook/infra/event-store/event-store-db/event-store-db.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { startStandIn } from '../fakes/event-store-db/server.ts';
import { registerContract } from './contract.ts';
import { eventStoreClauses } from './event-store.contract.ts';

registerContract('event store', 'EventStoreDB (stand-in)', eventStoreClauses, async () => {
  const server = await startStandIn();
  const stores: EventStore[] = [];
  const another = (): EventStore => {
    const store = eventStoreDb({ url: server.url, name: 'contract' });
    stores.push(store);
    return store;
  };
  return {
    port: {
      store: another(),
      another,
      // The server has no transactions that stay open.
      holdTransaction: () => Promise.resolve(() => Promise.resolve()),
    },
    close: async () => {
      await Promise.all(stores.map((store) => store.close()));
      await server.stop();
    },
  };
});
