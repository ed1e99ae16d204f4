import express, { Router, type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Readiness } from '../platform.ts';
import type { AccessTokens } from '../tokens/access-tokens.ts';
import { docsPage } from './docs-page.ts';
import { edge, edgeOf } from './edge.ts';
import { healthRoutes } from './health.ts';
import { routeOf } from './input.ts';
import { openApiDocument, type OpenApiDocument, type OpenApiFragment } from './openapi.ts';
import { edgeProblem, problemOf, sendProblem } from './problems.ts';
import { sharedReadiness, type SharedReadiness } from './shared-readiness.ts';
import { corsFor, httpsOnly, securityHeaders, trustedProxies } from './security.ts';

export type AppOptions = Readonly<{
  log: Log;
  /** Shares of the interface, in order. Paths of all are one space. */
  routers: readonly Router[];
  fragments: readonly OpenApiFragment[];
  ready: () => Promise<Readiness>;
  /** Aborts when the process begins to stop. */
  stopping: AbortSignal;
  /** For `/.well-known/jwks.json`; absent: not served. */
  tokens?: Pick<AccessTokens, 'publicKeys'>;
  info: OpenApiDocument['info'];
  /** `PUBLIC_URL`. */
  publicUrl?: string | undefined;
  corsOrigins?: readonly string[];
  trustProxy?: readonly string[];
  requireHttps?: boolean;
}>;

/**
 * The application: every request gets a correlation id and security headers, every failure a problem document. One
 * process may serve the routers of several services on one origin.
 */
export function makeApp(options: AppOptions): Express {
  const { log, corsOrigins = [], fragments } = options;
  const document = openApiDocument(options.info, fragments, options.publicUrl);
  const readiness = sharedReadiness(options.ready);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.set('case sensitive routing', true);
  app.set('trust proxy', trustedProxies(options.trustProxy ?? []));
  app.use(edge({ log, headers: securityHeaders() }));
  if (options.requireHttps === true) app.use(httpsOnly);
  if (corsOrigins.length > 0) app.use(corsFor(corsOrigins));
  app.use(methodsAsked(document));
  for (const router of options.routers) app.use(router);
  app.use(healthRoutes({ ready: readiness.ask, stopping: options.stopping, version: options.info.version }));
  app.use(documentRoutes(document));
  if (options.tokens !== undefined) app.use(keyRoutes(options.tokens));
  app.use(otherMethods(document));
  app.use((request, response) => {
    sendProblem(response, edgeProblem('not-found'), edgeOf(request).correlationId);
  });
  app.use(failures(log, readiness));
  return app;
}

function documentRoutes(document: OpenApiDocument): Router {
  const router = Router();
  const json = JSON.stringify(document);
  router.get('/openapi.json', (request, response) => {
    edgeOf(request).route = '/openapi.json';
    response.set('cache-control', 'no-cache').type('json').send(json);
  });
  router.get('/docs', docsPage(document));
  return router;
}

function keyRoutes(tokens: Pick<AccessTokens, 'publicKeys'>): Router {
  const router = Router();
  router.get('/.well-known/jwks.json', async (request, response) => {
    edgeOf(request).route = '/.well-known/jwks.json';
    response.set('cache-control', 'public, max-age=300').json(await tokens.publicKeys());
  });
  return router;
}

/** OPTIONS says which methods a path has, over all routers; each of them would tell its own only. */
function methodsAsked(document: OpenApiDocument): RequestHandler {
  const router = Router({ caseSensitive: true });
  for (const { path, route, allow } of knownPaths(document)) {
    router.options(route, (request, response) => {
      edgeOf(request).route = path;
      response.set('allow', allow).status(204).end();
    });
  }
  // Other methods need not be held against every path.
  return (request, response, next) => {
    if (request.method === 'OPTIONS') router(request, response, next);
    else next();
  };
}

/** What no route of a known path took is told 405. */
function otherMethods(document: OpenApiDocument): Router {
  const router = Router({ caseSensitive: true });
  for (const { path, route, allow } of knownPaths(document)) {
    router.all(route, (request, response) => {
      edgeOf(request).route = path;
      const problem = edgeProblem('method-not-allowed', { headers: { allow } });
      sendProblem(response, problem, edgeOf(request).correlationId);
    });
  }
  return router;
}

function knownPaths({
  paths,
}: OpenApiDocument): readonly Readonly<{ path: string; route: string; allow: string }>[] {
  return Object.entries(paths).map(([path, item]) => {
    const methods = Object.keys(item).map((method) => method.toUpperCase());
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    return { path, route: routeOf(path).route, allow };
  });
}

function failures(log: Log, readiness: SharedReadiness): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const { correlationId, route } = edgeOf(request);
    const problem = problemOf(error);
    if (problem.status >= 500) {
      readiness.forget();
      log[problem.code === 'internal-error' ? 'error' : 'warn']('A request failed.', {
        method: request.method,
        route,
        status: problem.status,
        code: problem.code,
        correlationId,
        error,
      });
    }
    sendProblem(response, problem, correlationId);
  };
}
