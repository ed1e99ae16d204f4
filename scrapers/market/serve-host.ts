import { failpoint } from '@daybook/infra/failpoints/failpoint.ts';
import { reasonOf, rest } from '@daybook/infra/runtime/loop.ts';
import { withSpan } from '@daybook/infra/telemetry/tracing.ts';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { pauseAfter } from '../politeness/back-off.ts';
import type { HostMemory } from '../politeness/host-memory.ts';
import type { DueRequest, HostQueue, Settlement, Turn } from '../politeness/host-queue.ts';
import { unreadable } from './classification.ts';
import type { Visit } from './observation.ts';
import type { Visited } from './visit.ts';

/** Attempts at a page whose failure may pass, before the failure is its outcome. */
const mostAttempts = 3;
/** A page is tried again only where its pause is no longer; else its outcome is said now and the host rests. */
const mostPauseMs = 60_000;
/** Crawl-delays up to this are waited out with the host in hand. */
const shortDelayMs = 1_000;
/** How much finished work a death may make undone. */
const settleEveryMs = 1_000;
/** The host's rest after trouble of our own. */
const ownTroubleMs = 1_000;

/** Serves a leased host: its requests in order, one at a time, at its pace, until it asks for a rest. Never rejects. */
export async function serveHost(
  turn: Turn,
  parts: Readonly<{
    visitor: (due: DueRequest, memory: HostMemory) => Promise<Visited>;
    publish: (request: DueRequest['message'], visit: Visit) => Promise<void>;
    queue: Pick<HostQueue, 'settle'>;
    /** The pause after a host's first failure. */
    backOffMs: number;
    log: Log;
    signal: AbortSignal;
  }>,
): Promise<void> {
  const { visitor, publish, queue, backOffMs, log, signal } = parts;
  let { memory, failures } = turn;
  let finished: string[] = [];
  let again: string[] = [];
  let learned: Settlement['learned'][number][] = [];
  let settledAt = performance.now();
  let pauseMs = 0;

  const settle = async (release?: Settlement['release']): Promise<void> => {
    const settlement = { finished, again, learned, ...(release === undefined ? {} : { release }) };
    [finished, again, learned] = [[], [], []];
    settledAt = performance.now();
    await queue.settle(settlement);
  };

  /** Answers with the pause before the host's next request. */
  const serve = (due: DueRequest): Promise<number> =>
    withSpan(
      'scrape',
      { kind: 'client', parent: due.message.metadata.traceparent, attributes: { attempt: due.attempts + 1 } },
      () => visitAndPublish(due),
    );

  async function visitAndPublish(due: DueRequest): Promise<number> {
    const { visit, crawlDelayMs, ...visited } = await visitor(due, memory);
    const { requestId, productId } = due.message.data;
    const { result } = visit;
    memory = visited.memory;
    failures = 'price' in result || !result.passing ? 0 : failures + 1;
    const owed = failures === 0 ? 0 : pauseAfter(failures, visited.retryAfterMs, backOffMs);
    const pause = Math.max(crawlDelayMs, owed);
    if (failures > 0 && due.attempts + 1 < mostAttempts && pause <= mostPauseMs) {
      again.push(requestId);
      return pause;
    }
    await failpoint('scraper.visited');
    await publish(due.message, visit).catch(async (error: unknown) => {
      // What no message can carry would come again for ever, and keep the host from everybody.
      if (!isDaybookError(error, 'schema-incompatible')) throw error;
      await publish(due.message, { ...visit, result: unreadable, extraction: null });
    });
    await failpoint('scraper.published');
    finished.push(requestId);
    if ('price' in result && result.method !== due.method) learned.push({ productId, method: result.method });
    return pause;
  }

  try {
    for (const due of turn.requests) {
      if (pauseMs > 0) await rest(pauseMs, signal);
      if (signal.aborted) break;
      pauseMs = await serve(due);
      if (pauseMs > shortDelayMs || failures > 0) break;
      if (performance.now() - settledAt > settleEveryMs) await settle();
    }
  } catch (error) {
    pauseMs = Math.max(pauseMs, ownTroubleMs);
    log.warn('A page could not be handled and is tried again.', { host: turn.host, ...reasonOf(error) });
  }
  try {
    await settle({ host: turn.host, pauseMs, failures, memory });
  } catch (error) {
    // The lease runs out; what was published is published again under the same ids.
    log.warn('A host could not be given back.', { host: turn.host, ...reasonOf(error) });
  }
}
