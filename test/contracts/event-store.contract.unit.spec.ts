import { registerBroken, registerContract, without } from './contract.ts';
import { brokenEventStores } from './event-store.broken.ts';
import { eventStoreClauses } from './event-store.contract.ts';
import { memorySubject } from './event-store.memory-subject.ts';
import { clausesOfTransactions } from './event-store.subject.ts';

registerContract(
  'event store',
  'memory',
  without(eventStoreClauses, clausesOfTransactions),
  memorySubject((store) => store),
);
registerBroken('event store', eventStoreClauses, brokenEventStores);
