import cors from 'cors';
import type { RequestHandler } from 'express';
import helmet from 'helmet';
import { edgeOf } from './edge.ts';
import { edgeProblem, sendProblem } from './problems.ts';

/**
 * The headers that helmet gives to every answer. They depend on nothing of the request, so that they are computed once.
 * Left out are those that only concern pages with scripts, or browsers that are gone: see
 * https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers
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
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
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

/**
 * Refuses what reached the trusted proxy without encryption. Checks of liveness come from inside and pass; so do signed
 * commands of other services, where they came past the proxy.
 */
export const httpsOnly: RequestHandler = (request, response, next) => {
  const inside = request.path.startsWith('/internal/') && request.headers['x-forwarded-proto'] === undefined;
  if (request.secure || inside || probes.has(request.path)) next();
  else sendProblem(response, edgeProblem('https-required'), edgeOf(request).correlationId);
};

const probes = new Set(['/livez', '/readyz', '/health', '/api/health', '/metrics']);

/** Express's `trust proxy` from the configuration: a number of hops, or addresses and networks. */
export function trustedProxies(items: readonly string[]): boolean | number | string[] {
  const [first] = items;
  if (first === undefined || first === 'false') return false;
  return items.length === 1 && /^\d+$/.test(first) ? Number(first) : [...items];
}
