import type { Clause } from './contract.ts';
import { appendClauses } from './event-store-append.clauses.ts';
import { concurrencyClauses } from './event-store-concurrency.clauses.ts';
import { modelClauses } from './event-store-model.clauses.ts';
import { readClauses } from './event-store-read.clauses.ts';
import type { EventStoreSubject } from './event-store.subject.ts';

/** Every promise of `kernel/ports/event-store.ts`. */
export const eventStoreClauses: readonly Clause<EventStoreSubject>[] = [
  ...appendClauses,
  ...readClauses,
  ...concurrencyClauses,
  ...modelClauses,
];
