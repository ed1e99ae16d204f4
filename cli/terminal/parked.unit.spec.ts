import { expect, test } from '@jest/globals';
import type { Parked } from '@daybook/infra/parking/parked.ts';
import { parkedLine } from './parked.ts';

const parked: Parked = {
  parkedId: 'message-1',
  kind: 'message',
  consumer: 'products.v1',
  tenantId: 'a',
  status: 'parked',
  about: 'PriceObserved',
  topic: 'daybook.events.v1',
  partition: 0,
  offset: 1,
  key: 'a',
  eventId: null,
  eventType: null,
  stream: null,
  revision: null,
  position: null,
  reason: 'handler-throws',
  error: 'No.',
  attempts: 1,
  firstFailedAt: '2026-01-01T00:00:00.000Z',
  failedAt: '2026-01-01T00:00:00.000Z',
  waiting: 0,
};

test.each([
  [1_000, '1000 wait'],
  [1_001, 'more than 1000 wait'],
  [null, 'all later waits'],
])('%p that wait are told as "%s"', (waiting, told) => {
  expect(
    parkedLine({ ...parked, waiting })
      .split('  ')
      .at(-1),
  ).toBe(told);
});
