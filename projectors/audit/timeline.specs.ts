import type { ProjectionSpec } from '@daybook/kernel/specification.ts';

const at = '2026-01-01T00:00:00.000Z';
const email = 'sealed:v1:subject:user-ada:ZW1haWw';

export const timelineSpecs: readonly ProjectionSpec[] = [
  {
    name: 'every event of any capability is a row, in order; what is sealed stays sealed',
    given: [
      {
        type: 'UserRegistered',
        id: 'event-a',
        at,
        stream: 'user-ada',
        metadata: { actor: { kind: 'process', id: 'provisioning' } },
        data: { userId: 'user-ada', email },
      },
      { type: 'ProductPaused', id: 'event-b', at, stream: 'product-1', data: { productId: '1' } },
    ],
    then: [
      {
        position: '00000000000000000001',
        eventId: 'event-a',
        type: 'UserRegistered',
        stream: 'user-ada',
        revision: 0,
        recordedAt: at,
        actorKind: 'process',
        actorId: 'provisioning',
        correlationId: 'spec-correlation',
        data: { userId: 'user-ada', email },
      },
      {
        position: '00000000000000000002',
        eventId: 'event-b',
        type: 'ProductPaused',
        stream: 'product-1',
        revision: 1,
        recordedAt: at,
        actorKind: 'system',
        actorId: 'spec',
        correlationId: 'spec-correlation',
        data: { productId: '1' },
      },
    ],
  },
];
