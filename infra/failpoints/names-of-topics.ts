import { at } from './failpoint-place.ts';

/** Topics and consumer groups. */
export const topicsFailpoints = {
  'topics.ensuring': at('infra/topics/postgres-topics.ts', 'The topic is not made: the next start makes it.'),
  'topics.ensured': at('infra/topics/postgres-topics.ts', 'The topic is made: the next start finds it.'),
  'topics.publishing': at(
    'infra/topics/postgres-topics.ts',
    'Nothing is published: whoever publishes does it again.',
  ),
  'topics.published': at(
    'infra/topics/postgres-topics.ts',
    'Published, and the publisher does not know: it publishes again under the same message id.',
  ),
  'topics.synchronising': at(
    'infra/topics/consumer-group-member.ts',
    'The lease of the member is not renewed: others claim its partitions when it runs out.',
  ),
  'topics.synchronised': at(
    'infra/topics/consumer-group-member.ts',
    'The member holds partitions and works on none: others claim them when its lease runs out.',
  ),
  'topics.committing': at(
    'infra/topics/committer.ts',
    'The batch is handled and its offset not moved: it comes again and is passed over.',
    'K11',
  ),
  'topics.committed': at(
    'infra/topics/committer.ts',
    'The offset is moved: the next holder goes on behind it.',
  ),
  'topics.deferring': at(
    'infra/topics/partition-worker.ts',
    'The pause is not recorded: the batch comes again at once.',
  ),
  'topics.deferred': at(
    'infra/topics/partition-worker.ts',
    'The pause is recorded: the next holder keeps it.',
  ),
  'topics.settling': at(
    'infra/topics/partition-worker.ts',
    'Nothing is set aside: the batch comes again and its message is parked then.',
  ),
  'topics.settled': at(
    'infra/topics/partition-worker.ts',
    'The message is parked and the offset stands behind it: the next holder goes on there.',
  ),
  'topics.settlingLetters': at(
    'infra/topics/partition-worker.ts',
    'The released letters are handled and still there: they come again and are passed over.',
  ),
  'topics.settledLetters': at(
    'infra/topics/partition-worker.ts',
    'The released letters are handled and gone.',
  ),
  'topics.givingUp': at(
    'infra/topics/consumer-group-member.ts',
    'The partition is not handed over: another member claims it when the lease runs out.',
  ),
  'topics.gaveUp': at(
    'infra/topics/consumer-group-member.ts',
    'The partition is free: another member claims it.',
  ),
  'topics.leaving': at(
    'infra/topics/consumer-group-member.ts',
    'Everything in hand is recorded and the claims still stand: they end with the lease.',
  ),
  'topics.left': at(
    'infra/topics/consumer-group-member.ts',
    'The claims are given back: another member takes them over at once.',
  ),
  'retention.removing': at('infra/topics/retention.ts', 'Nothing is removed: the next round does it.'),
  'retention.removed': at('infra/topics/retention.ts', 'A part is removed: the next round goes on.'),
} as const;
