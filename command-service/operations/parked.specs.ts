import type { DeciderSpec } from '@daybook/kernel/specification.ts';
import type { OperationsEvent } from '@daybook/schemas/operations/events.generated.ts';
import type { ParkedCommand, ParkedRejection } from './parked.ts';

const what = {
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
const again = { ...what, attempts: 2, failedAt: '2026-01-01T01:00:00.000Z' };
const reason = 'Counted by hand.';

const retry = (found: typeof what | null, handedBack = false): ParkedCommand => ({
  type: 'RetryParked',
  data: { parkedId: 'message-57', found: found === null ? null : { what: found, handedBack } },
});
const skip = (found: typeof what | null): ParkedCommand => ({
  type: 'SkipParked',
  data: { parkedId: 'message-57', found: found === null ? null : { what: found, handedBack: false }, reason },
});
const retried: OperationsEvent = { type: 'ParkedRetried', data: what };
const skipped: OperationsEvent = { type: 'ParkedSkipped', data: { ...what, reason } };

export const parkedSpecs: readonly DeciderSpec<ParkedCommand, OperationsEvent, ParkedRejection>[] = [
  { name: 'what is parked is retried', given: [], when: retry(what), then: [retried] },
  { name: 'one parking is retried once', given: [retried], when: retry(what), then: 'nothing' },
  {
    name: 'what is parked again is retried again',
    given: [retried],
    when: retry(again),
    then: [{ type: 'ParkedRetried', data: again }],
  },
  {
    name: 'what is being handled anew is not parked',
    given: [retried],
    when: retry(what, true),
    then: { rejected: 'not-parked' },
  },
  {
    name: 'what was parked once is not parked any more',
    given: [retried],
    when: retry(null),
    then: { rejected: 'not-parked' },
  },
  {
    name: 'what never was parked is not known',
    given: [],
    when: retry(null),
    then: { rejected: 'not-found' },
  },
  { name: 'what is parked is skipped, with the reason', given: [], when: skip(what), then: [skipped] },
  { name: 'what waits for its retry can be skipped', given: [retried], when: skip(what), then: [skipped] },
  { name: 'one parking is skipped once', given: [skipped], when: skip(what), then: 'nothing' },
  {
    name: 'what was given up is not retried',
    given: [skipped],
    when: retry(what),
    then: { rejected: 'not-parked' },
  },
  {
    name: 'what was given up is not skipped again',
    given: [skipped],
    when: skip(null),
    then: { rejected: 'not-parked' },
  },
];
