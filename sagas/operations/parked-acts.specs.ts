import type { ProcessSpec } from '@daybook/kernel/specification.ts';

const data = {
  parkedId: 'message-57',
  kind: 'message',
  consumer: 'products.v3',
  about: null,
  eventId: null,
  stream: null,
  revision: null,
  cause: 'handler-throws',
  attempts: 1,
  failedAt: '2026-01-01T00:00:00.000Z',
};
const input = { parkedId: 'message-57', failedAt: data.failedAt };

export const parkedActsSpecs: readonly ProcessSpec[] = [
  {
    name: 'a retry is done',
    given: [],
    when: { type: 'ParkedRetried', data },
    then: [{ kind: 'call', effect: 'actOnParked', input: { ...input, act: 'retry' } }, { kind: 'finish' }],
  },
  {
    name: 'a skip is done',
    given: [],
    when: { type: 'ParkedSkipped', data: { ...data, reason: 'Counted by hand.' } },
    then: [{ kind: 'call', effect: 'actOnParked', input: { ...input, act: 'skip' } }, { kind: 'finish' }],
  },
];
