import { expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { recalled } from '../politeness/host-memory.ts';
import type { DueRequest, Settlement } from '../politeness/host-queue.ts';
import { serveHost } from './serve-host.ts';
import type { Visited } from './visit.ts';

function due(requestId: string): DueRequest {
  const data = { requestId, productId: 'product', url: 'https://shop.example/', source: 'page' } as const;
  const metadata = {
    schemaVersion: 1,
    tenantId: 'tenant',
    actor: { kind: 'system', id: 'test' },
    commandId: 'command',
    correlationId: 'correlation',
  } as const;
  const recordedAt = '2026-11-21T00:00:00.000Z';
  return {
    message: { type: 'ScrapeRequested', id: requestId, data, metadata, recordedAt },
    attempts: 0,
    method: 'jsonLd',
  };
}

const visited: Visited = {
  visit: {
    result: { price: { amountMinor: 1, currency: 'EUR' }, method: 'jsonLd' },
    extraction: null,
    snapshotHash: null,
    status: 200,
    observedAt: '2026-11-21T00:00:00.000Z',
  },
  memory: recalled({}),
  crawlDelayMs: 0,
  retryAfterMs: null,
};

/** Serves a host for which two requests wait; answers with what was settled. */
async function served(
  parts: Pick<Parameters<typeof serveHost>[1], 'visitor' | 'publish'>,
  signal = new AbortController().signal,
): Promise<readonly Settlement[]> {
  const settlements: Settlement[] = [];
  const queue = {
    settle: (settlement: Settlement) => {
      settlements.push(settlement);
      return Promise.resolve();
    },
  };
  await serveHost(
    { host: 'shop.example', memory: recalled({}), failures: 0, requests: [due('1'), due('2')] },
    { ...parts, queue, backOffMs: 1, log: silentLog, signal },
  );
  return settlements;
}

test('what no message can carry is an outcome, and what waits for the host behind it comes', async () => {
  const published: unknown[] = [];
  const settlements = await served({
    visitor: () => Promise.resolve(visited),
    publish: ({ data: { requestId } }, { result }) => {
      if (requestId === '1' && 'price' in result)
        return Promise.reject(new DaybookError('schema-incompatible', 'The number is no exact long.'));
      published.push([requestId, 'price' in result ? 'price' : result.outcome]);
      return Promise.resolve();
    },
  });
  expect(published).toEqual([
    ['1', 'notContent'],
    ['2', 'price'],
  ]);
  expect(settlements).toMatchObject([{ finished: ['1', '2'], release: { failures: 0 } }]);
});

test('a stop during the crawl-delay fetches nothing more, and leaves the delay to the next worker', async () => {
  const stopping = new AbortController();
  const fetched: string[] = [];
  const parts = {
    visitor: ({ message }: DueRequest, memory: Visited['memory']) => {
      fetched.push(message.data.requestId);
      return Promise.resolve({ ...visited, memory, crawlDelayMs: 900 });
    },
    publish: () => {
      setImmediate(() => {
        stopping.abort();
      });
      return Promise.resolve();
    },
  };
  const settlements = await served(parts, stopping.signal);
  expect(fetched).toEqual(['1']);
  expect(settlements).toMatchObject([{ finished: ['1'], release: { host: 'shop.example', pauseMs: 900 } }]);
});
