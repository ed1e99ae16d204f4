import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { addOpenStreams } from '../telemetry/metrics.ts';

/** An event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export type ServerSentEvent = Readonly<{
  /** Comes back as `Last-Event-ID` when the browser reconnects. Holds no line break. */
  id?: string;
  /** Kind of the event; `message` where absent. */
  event?: string;
  /** Sent as JSON. */
  data: unknown;
}>;

export type EventStreamOptions = Readonly<{
  /** A comment is sent where nothing else was for so long, so that proxies keep the connection. Default 15 000. */
  heartbeatMs?: number;
  /** How long a browser waits before it reconnects. Default 2 000. */
  retryMs?: number;
  /** Ends the stream, such as when the process stops. */
  signal?: AbortSignal;
  /** Longest life of the stream: that of the credential it was opened with. Default: none. */
  lifeMs?: number;
}>;

/** Longest time that a timer takes (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const longestTimerMs = 2_147_483_647;

/**
 * Answers with a stream of events until the source, the signal or its life ends or the caller leaves. The next event is asked of
 * the source only once the one before went out, so that a slow caller holds no memory here. `open` is told when to stop.
 */
export async function serveEvents(
  response: ServerResponse,
  open: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>,
  options: EventStreamOptions = {},
): Promise<void> {
  const { heartbeatMs = 15_000, retryMs = 2_000, signal, lifeMs = longestTimerMs } = options;
  const leaving = new AbortController();
  const leave = (): void => {
    leaving.abort();
  };
  response.once('close', leave);
  signal?.addEventListener('abort', leave, { once: true });
  if (signal?.aborted === true) leave();
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${String(retryMs)}\n\n`);
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': still here\n\n');
  }, heartbeatMs);
  const end = setTimeout(leave, Math.min(Math.max(lifeMs, 0), longestTimerMs));
  addOpenStreams(1);
  try {
    for await (const event of open(leaving.signal)) {
      if (leaving.signal.aborted) break;
      heartbeat.refresh();
      if (!response.write(printed(event))) await drained(response, leaving.signal);
    }
  } finally {
    addOpenStreams(-1);
    clearInterval(heartbeat);
    clearTimeout(end);
    signal?.removeEventListener('abort', leave);
    response.off('close', leave);
    response.end();
  }
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  try {
    await once(response, 'drain', { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function printed({ id, event, data }: ServerSentEvent): string {
  const lines = [
    ...(id === undefined ? [] : [`id: ${id.replaceAll(/[\r\n\0]/g, '')}`]),
    ...(event === undefined ? [] : [`event: ${event.replaceAll(/[\r\n]/g, '')}`]),
    `data: ${JSON.stringify(data)}`,
  ];
  return `${lines.join('\n')}\n\n`;
}
