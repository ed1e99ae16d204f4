/** What every adapter of topics promises, as data: publishing, consuming, and groups, in files of their own. */
import type { Clause } from './contract.ts';
import type { TopicsSubject } from './topics-clause.ts';
import { deadLetterClauses } from './topics.dead-letters.contract.ts';
import { groupClauses } from './topics.groups.contract.ts';
import { publishClauses } from './topics.publish.contract.ts';
import { verdictClauses } from './topics.verdicts.contract.ts';

export const topicsClauses: readonly Clause<TopicsSubject>[] = [
  ...publishClauses,
  ...verdictClauses,
  ...deadLetterClauses,
  ...groupClauses,
];
