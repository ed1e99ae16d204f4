import { parse } from 'node:querystring';
import { Router } from 'express';
import type { Role } from '@daybook/kernel/command.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Schema } from '@daybook/kernel/schema.ts';
import { countRefusedRequest } from '../telemetry/metrics.ts';
import type { Principal } from '../tokens/principal.ts';
import { principalOf } from './authentication.ts';
import { guards, type Gate } from './guards.ts';
import { inputReader } from './input.ts';
import { edgeProblem, ProblemError } from './problems.ts';
import { serveEvents, type EventStreamOptions, type ServerSentEvent } from './sse.ts';

/** A stream of server-sent events: one HTTP request that is answered for as long as the caller stays. */
export type EventStream<In> = Readonly<{
  /** camelCase, unique over queries and streams. */
  name: string;
  summary: string;
  access: readonly Role[];
  path: string;
  /** Parameters of the query string. */
  input: Schema<In>;
  /**
   * Events from after `lastEventId` (that of the last event the caller saw; null at first) until `signal` aborts. Runs
   * within one tenant.
   */
  open: (
    request: Readonly<{ input: In; lastEventId: string | null; principal: Principal }>,
    signal: AbortSignal,
  ) => AsyncIterable<ServerSentEvent>;
}>;

/** Closes a stream over its input. The cast is sound: `open` gets what `input` let through. */
export function defineEventStream<In>(stream: EventStream<In>): EventStream<unknown> {
  return stream as unknown as EventStream<unknown>;
}

export type StreamRoutesOptions = Gate &
  Readonly<{
    streams: readonly EventStream<unknown>[];
    log: Log;
    /** Aborts when the process stops: streams end at once, and browsers reconnect elsewhere. */
    stopping: AbortSignal;
    timing?: Pick<EventStreamOptions, 'heartbeatMs' | 'retryMs'>;
  }>;

/** Open streams of one principal in one process: some browsers with some tabs each. Each holds a connection and a reader. */
const mostOpen = 20;

/** How long somebody waits who has too many open: they free themselves only when one is closed. */
const retryAfterS = 10;

/** Counts what each principal has open. */
function openStreams(): Readonly<{ enter: (principal: Principal) => () => void }> {
  const counts = new Map<string, number>();
  return {
    enter: ({ tenantId, actor }) => {
      const key = `${tenantId}/${actor.kind}/${actor.id}`;
      const count = counts.get(key) ?? 0;
      if (count >= mostOpen) {
        countRefusedRequest('streams');
        throw new ProblemError(
          edgeProblem('rate-limited', {
            detail: 'Too many streams are open; close one first.',
            about: { policy: 'streams', most: mostOpen },
            headers: { 'retry-after': String(retryAfterS) },
          }),
        );
      }
      counts.set(key, count + 1);
      return () => {
        const left = (counts.get(key) ?? 1) - 1;
        if (left === 0) counts.delete(key);
        else counts.set(key, left);
      };
    },
  };
}

/** The routes of event streams. A stream ends with the token that opened it; one principal has at most 20 open. */
export function streamRoutes({ streams, log, stopping, timing, ...gate }: StreamRoutesOptions): Router {
  const router = Router({ caseSensitive: true });
  const opened = openStreams();
  for (const stream of streams) {
    const read = inputReader(stream.input, [], 'query');
    router.get(stream.path, ...guards(stream, ['general'], gate), async (request, response) => {
      const principal = principalOf(request);
      const mark = request.url.indexOf('?');
      const input = await read({}, mark === -1 ? {} : { ...parse(request.url.slice(mark + 1)) });
      const last = request.headers['last-event-id'];
      const lastEventId = typeof last === 'string' && /^[\w.:-]{1,200}$/.test(last) ? last : null;
      const leave = opened.enter(principal);
      try {
        await serveEvents(response, (signal) => stream.open({ input, lastEventId, principal }, signal), {
          ...timing,
          signal: stopping,
          lifeMs: principal.until - Date.now(),
        });
      } catch (error) {
        // The answer has begun: the browser finds it ended and asks again from its last event.
        log.warn('A stream of events failed.', { stream: stream.name, error });
      } finally {
        leave();
      }
    });
  }
  return router;
}
