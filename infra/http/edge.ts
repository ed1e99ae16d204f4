import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { observeRequest } from '../telemetry/metrics.ts';
import { runInSpan, startSpan, traceparentOut, validTraceparent } from '../telemetry/tracing.ts';
import type { Principal } from '../tokens/principal.ts';

/** What the interface knows of a request beside the request itself. */
export type Edge = {
  /** From `X-Correlation-Id`, or made here; goes out with the answer and into events. */
  readonly correlationId: string;
  /** W3C trace context to hand on. */
  readonly traceparent?: string;
  /** Pattern of the route that answers, for metrics: never the path itself. */
  route: string;
  /** Set once the caller is known. */
  principal?: Principal;
};

/** Where a request has what is known of it. A property: weak maps cost the garbage collector a look at every entry. */
const known = Symbol('edge');

/** What is known of a request that came through `edge`. */
export function edgeOf(request: object): Edge {
  const edge = (request as { [known]?: Edge })[known];
  if (edge === undefined)
    throw new TypeError('The request did not come through the edge of the application.');
  return edge;
}

const correlationFormat = /^[\w.:-]{1,64}$/;

export type EdgeOptions = Readonly<{
  log: Log;
  /** Headers of every answer. */
  headers: ReadonlyMap<string, string>;
}>;

/** Opens every request: correlation id, trace, security headers, and the measure of time at its end. */
export function edge(options: EdgeOptions): RequestHandler {
  const headers = new Map(options.headers);
  return (request, response, next) => {
    const startedAt = performance.now();
    const given = request.headers['x-correlation-id'];
    const correlationId = typeof given === 'string' && correlationFormat.test(given) ? given : randomUUID();
    const parent = validTraceparent(request.headers['traceparent'] as string | undefined);
    response.setHeaders(headers);
    response.setHeader('x-correlation-id', correlationId);
    const span = startSpan(request.method, { kind: 'server', parent });
    const open = (): void => {
      const traceparent = traceparentOut(parent);
      const opened: Edge = {
        correlationId,
        route: 'none',
        ...(traceparent === undefined ? {} : { traceparent }),
      };
      Object.assign(request, { [known]: opened });
      next();
    };
    response.once('close', () => {
      const { route } = edgeOf(request);
      const ms = performance.now() - startedAt;
      finish(options.log, request, response, route, correlationId, ms);
      span?.updateName(`${request.method} ${route}`);
      span?.setAttributes({ 'http.route': route, 'http.response.status_code': response.statusCode });
      span?.end();
    });
    if (span === null) open();
    else runInSpan(span, open);
  };
}

function finish(
  log: Log,
  request: Request,
  response: Response,
  route: string,
  correlationId: string,
  ms: number,
): void {
  const { method } = request;
  const status = response.statusCode;
  observeRequest(knownMethods.has(method) ? method : 'other', route, status, ms / 1_000);
  log.debug('Request answered.', {
    method,
    route,
    status,
    correlationId,
    durationMs: Math.round(ms * 10) / 10,
  });
}

const knownMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']);
