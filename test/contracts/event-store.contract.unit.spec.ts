import { registerContract } from './contract.ts';
import { eventStoreClauses } from './event-store.contract.ts';
import { memorySubject } from './event-store.memory-subject.ts';

registerContract(
  'event store',
  'memory',
  eventStoreClauses,
  memorySubject((store) => store),
);
