import { memoryEventStore, memoryLog } from '@daybook/infra/event-store/memory.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { MakeSubject } from './contract.ts';
import { noTransactions, type EventStoreSubject, type HoldTransaction } from './event-store.subject.ts';

/** Memory stores on one log, each through `wrap`: as it is, or broken in one way. Open transactions are nothing to them. */
export function memorySubject(
  wrap: (store: EventStore) => EventStore,
  holdTransaction: HoldTransaction = noTransactions,
): MakeSubject<EventStoreSubject> {
  return () => {
    const log = memoryLog();
    const stores: EventStore[] = [];
    const another = (): EventStore => {
      const store = wrap(memoryEventStore({ log }));
      stores.push(store);
      return store;
    };
    return Promise.resolve({
      port: { store: another(), another, holdTransaction },
      close: async () => {
        await Promise.all(stores.map((store) => store.close()));
      },
    });
  };
}
