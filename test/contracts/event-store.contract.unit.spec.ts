import { registerBroken, registerContract } from './contract.ts';
import { brokenEventStores } from './event-store.broken.ts';
import { eventStoreClauses } from './event-store.contract.ts';
import { memorySubject } from './event-store.memory-subject.ts';

registerContract(
  'event store',
  'memory',
  eventStoreClauses,
  memorySubject((store) => store),
);
registerBroken('event store', eventStoreClauses, brokenEventStores);
