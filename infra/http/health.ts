import { Router } from 'express';
import type { Readiness } from '../platform.ts';
import { metricsRegistry } from '../telemetry/metrics.ts';
import { edgeOf } from './edge.ts';

export type HealthOptions = Readonly<{
  /** Asks every service; includes how far projectors are behind. */
  ready: () => Promise<Readiness>;
  /** True once the process is stopping: it is alive and no longer ready. */
  stopping: AbortSignal;
  version: string;
}>;

/**
 * `/livez`: the process runs · `/readyz`: it can do its work, part by part, else 503 · `/health` and `/api/health`: both
 * in one short answer that is always given by a process that lives · `/metrics`: for Prometheus. Nobody signs in for
 * them, so that all who ask at once, and within a second after, get one evaluation.
 */
export function healthRoutes({ ready, stopping, version }: HealthOptions): Router {
  const router = Router();
  const shared = sharedAnswer(() =>
    ready().catch(() => ({
      ready: false,
      parts: { process: { ready: false, detail: 'cannot tell' } },
    })),
  );
  const ask = async (): Promise<Readiness> =>
    stopping.aborted
      ? { ready: false, parts: { process: { ready: false, detail: 'is stopping' } } }
      : shared();
  router.use((request, _, next) => {
    if (paths.has(request.path)) edgeOf(request).route = request.path;
    next();
  });
  router.get('/livez', (_, response) => {
    response.set('cache-control', 'no-store').json({ status: 'alive' });
  });
  router.get('/readyz', async (_, response) => {
    const readiness = await ask();
    response
      .status(readiness.ready ? 200 : 503)
      .set('cache-control', 'no-store')
      .json(readiness);
  });
  router.get(['/health', '/api/health'], async (_, response) => {
    const readiness = await ask();
    response
      .status(readiness.ready ? 200 : 503)
      .set('cache-control', 'no-store')
      .json({ status: readiness.ready ? 'ok' : 'unavailable', version });
  });
  router.get('/metrics', async (_, response) => {
    const text = await metricsRegistry.metrics();
    response.set('cache-control', 'no-store').type(metricsRegistry.contentType).send(text);
  });
  return router;
}

const sharedForMs = 1_000;

/** Asks once for all callers of one time; the answer holds for a second after it came. `work` never rejects. */
function sharedAnswer<T>(work: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  let holdsUntil = Infinity;
  return () => {
    if (current === undefined || performance.now() >= holdsUntil) {
      holdsUntil = Infinity;
      current = work().finally(() => {
        holdsUntil = performance.now() + sharedForMs;
      });
    }
    return current;
  };
}

const paths = new Set(['/livez', '/readyz', '/health', '/api/health', '/metrics']);
