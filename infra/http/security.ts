import cors from 'cors';
import type { RequestHandler } from 'express';
import helmet from 'helmet';
import { edgeOf } from './edge.ts';
import { edgeProblem, sendProblem } from './problems.ts';

/**
 * The headers that helmet gives to every answer. They depend on nothing of the request, so that they are computed once:
 * setting them costs 1.6 µs a request, helmet's thirteen handlers cost 9 µs (`test/load/p17.ts`).
 */
export function securityHeaders(): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const response = {
    setHeader: (name: string, value: string) => headers.set(name.toLowerCase(), value),
    removeHeader: (name: string) => headers.delete(name.toLowerCase()),
  };
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"], 'base-uri': ["'none'"] },
    },
    referrerPolicy: { policy: 'no-referrer' },
  })({} as never, response as never, () => undefined);
  return headers;
}

/** Answers of origins named by the configuration may be read by their pages; `*` is never sent. */
export function corsFor(origins: readonly string[]): RequestHandler {
  return cors({
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      'Daybook-Position',
      'ETag',
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'X-Correlation-Id',
      'Idempotency-Replayed',
    ],
    maxAge: 600,
  });
}

/** Refuses what reached the trusted proxy without encryption. Checks of liveness come from inside and pass. */
export const httpsOnly: RequestHandler = (request, response, next) => {
  if (request.secure || probes.has(request.path)) next();
  else sendProblem(response, edgeProblem('https-required'), edgeOf(request).correlationId);
};

const probes = new Set(['/livez', '/readyz', '/health', '/api/health', '/metrics']);

/** Express's `trust proxy` from the configuration: a number of hops, or addresses and networks. */
export function trustedProxies(items: readonly string[]): boolean | number | string[] {
  const [first] = items;
  if (first === undefined || first === 'false') return false;
  return items.length === 1 && /^\d+$/.test(first) ? Number(first) : [...items];
}
