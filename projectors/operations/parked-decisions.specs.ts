import type { ProjectionSpec } from '@daybook/kernel/specification.ts';

const data = {
  parkedId: 'message-57',
  kind: 'message',
  consumer: 'products.v3',
  about: 'PriceObserved',
  eventId: null,
  stream: 'product-1',
  revision: 4,
  cause: 'handler-throws',
  attempts: 1,
  failedAt: '2026-01-01T00:00:00.000Z',
};
const metadata = { actor: { kind: 'user' as const, id: 'user-1' } };
const at = '2026-01-01T02:00:00.000Z';
const again = { ...data, attempts: 2, failedAt: '2026-01-01T01:00:00.000Z' };

export const parkedDecisionsSpecs: readonly ProjectionSpec[] = [
  {
    name: 'a retry is a row',
    given: [{ type: 'ParkedRetried', at, data, metadata }],
    then: [
      {
        ...data,
        act: 'retried',
        reason: null,
        actorKind: 'user',
        actorId: 'user-1',
        decidedAt: at,
        retries: 1,
      },
    ],
  },
  {
    name: 'a skip after a retry stands with its reason',
    given: [
      { type: 'ParkedRetried', at, data, metadata },
      { type: 'ParkedSkipped', at, data: { ...again, reason: 'Counted by hand.' }, metadata },
    ],
    then: [
      {
        ...again,
        act: 'skipped',
        reason: 'Counted by hand.',
        actorKind: 'user',
        actorId: 'user-1',
        decidedAt: at,
        retries: 1,
      },
    ],
  },
];
