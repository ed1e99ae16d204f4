import { Router } from 'express';
import type { Readiness } from '../platform.ts';
import { metricsRegistry } from '../telemetry/metrics.ts';
import { edgeOf } from './edge.ts';

export type HealthOptions = Readonly<{
  /** Asks every service; includes how far projectors are behind. Never rejects. */
  ready: () => Promise<Readiness>;
  /** True once the process is stopping: it is alive and no longer ready. */
  stopping: AbortSignal;
  version: string;
}>;

/**
 * `/livez`: the process runs · `/readyz`: it can do its work, part by part, else 503; where some of it waits for an engine
 * that is away, degraded · `/health` and `/api/health`: both in one short answer that is always given by a process that
 * lives · `/metrics`: for Prometheus. Nobody signs in for them: `ready` is to be shared.
 */
export function healthRoutes({ ready, stopping, version }: HealthOptions): Router {
  const router = Router();
  const ask = async (): Promise<Readiness> =>
    stopping.aborted
      ? { ready: false, parts: { process: { ready: false, detail: 'is stopping' } } }
      : ready();
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
      .json({ status: statusOf(readiness), version });
  });
  router.get('/metrics', async (_, response) => {
    const text = await metricsRegistry.metrics();
    response.set('cache-control', 'no-store').type(metricsRegistry.contentType).send(text);
  });
  return router;
}

function statusOf({ ready, degraded }: Readiness): 'ok' | 'degraded' | 'unavailable' {
  if (!ready) return 'unavailable';
  return degraded === true ? 'degraded' : 'ok';
}

const paths = new Set(['/livez', '/readyz', '/health', '/api/health', '/metrics']);
