/** What every adapter of topics promises, as data: publishing, consuming, and groups, in files of their own. */
import type { Clause } from './contract.ts';
import type { TopicsSubject } from './topics.subject.ts';
import { crashClauses } from './topics-crashes.clauses.ts';
import { deadLetterClauses } from './topics-dead-letters.clauses.ts';
import { groupClauses } from './topics-groups.clauses.ts';
import { parkedClauses } from './topics-parked.clauses.ts';
import { publishClauses } from './topics-publish.clauses.ts';
import { verdictClauses } from './topics-verdicts.clauses.ts';

export const topicsClauses: readonly Clause<TopicsSubject>[] = [
  ...publishClauses,
  ...verdictClauses,
  ...deadLetterClauses,
  ...parkedClauses,
  ...groupClauses,
  ...crashClauses,
];
