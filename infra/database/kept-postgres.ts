import { setTimeout as pause } from 'node:timers/promises';
import { alive, startEmbeddedPostgres, type EmbeddedOptions, type EmbeddedPostgres } from './embedded.ts';

/** How often the server is looked after. */
const lookEveryMs = 250;

/** Between two tries to start it again, while the processes of the dead one still leave. */
const retryMs = 500;

/**
 * The embedded PostgreSQL, kept running: where its process dies (the kernel ran out of memory, somebody killed it), it
 * is started again on the same port, so that pools find it under the same URL. `pid` is that of the first start.
 * @throws as `startEmbeddedPostgres`
 */
export async function keepEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  let server = await startEmbeddedPostgres(options);
  const { url, pid } = server;
  const port = Number(new URL(url).port);
  const stopping = new AbortController();
  const going = (): boolean => !stopping.signal.aborted;
  const keeping = keep();

  async function keep(): Promise<void> {
    while (going()) {
      await pause(lookEveryMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
      if (going() && !alive(server.pid)) await restart();
    }
  }

  async function restart(): Promise<void> {
    options.log.warn('The embedded PostgreSQL died and is started again.', { pid: server.pid });
    while (going()) {
      try {
        server = await startEmbeddedPostgres({ ...options, port });
        options.log.info('The embedded PostgreSQL is back.', { pid: server.pid });
        return;
      } catch (error) {
        options.log.warn('The embedded PostgreSQL does not start yet.', { error });
        await pause(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  }

  return {
    url,
    pid,
    stop: async () => {
      stopping.abort();
      await keeping;
      await server.stop();
    },
  };
}
