import { expect, test } from '@jest/globals';
import type { TopicMessage } from '@daybook/kernel/process.ts';
import { schedulesRunOnce, type Messages } from './oracle-processes.ts';

const metadata = {
  schemaVersion: 1,
  tenantId: 'tenant',
  actor: { kind: 'process', id: 'priceChecks' },
  commandId: 'command',
  correlationId: 'correlation',
} as const;

function request(requestId: string, productId: string, at: string | null): TopicMessage {
  const event = {
    kind: 'event',
    name: 'ProductTracked',
    ref: 'product-1@0',
    at: '2026-01-01T00:00:00.000Z',
  } as const;
  const timer = at === null ? [] : [{ kind: 'timer', name: 'check', ref: requestId, at } as const];
  return {
    type: 'ScrapeRequested',
    id: `message-of-${requestId}`,
    data: { requestId, productId },
    metadata: { ...metadata, steps: [event, ...timer] },
    recordedAt: '2026-01-01T00:00:00.000Z',
  };
}

const of = (...requests: readonly TopicMessage[]): Messages => ({
  byTopic: new Map([['requests', requests]]),
});

test('a schedule that ran twice at one time is seen', () => {
  const noon = '2026-01-02T12:00:00.000Z';
  expect(schedulesRunOnce(of(request('a', '1', noon), request('b', '1', noon)))).toEqual([
    `the check of 1 at ${noon} was run twice`,
  ]);
});

test('repeats, other times, other products and what somebody asked for are no doubled run', () => {
  const [noon, later] = ['2026-01-02T12:00:00.000Z', '2026-01-03T12:00:00.000Z'];
  const once = request('a', '1', noon);
  const others = [
    request('b', '1', later),
    request('c', '2', noon),
    request('d', '1', null),
    request('e', '1', null),
  ];
  expect(schedulesRunOnce(of(once, once, ...others))).toEqual([]);
});
