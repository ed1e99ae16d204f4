/** The demo's own client of the public interface: nothing here knows the inside. */
import { randomUUID } from 'node:crypto';

/** The members of a problem document that are read here. */
export type Problem = Readonly<{
  code?: string;
  detail?: string;
  about?: Readonly<Record<string, string | number>>;
}>;

/** A refusal or failure of the interface, with what its problem document says. */
export class InterfaceError extends Error {
  readonly status: number;
  readonly code: string;
  /** The whole problem document (RFC 9457). */
  readonly problem: Problem;

  constructor(method: string, path: string, status: number, problem: Problem) {
    super(`${method} ${path} answered ${String(status)} ${problem.code ?? ''}: ${problem.detail ?? ''}`);
    this.name = 'InterfaceError';
    this.status = status;
    this.code = problem.code ?? '';
    this.problem = problem;
  }
}

export type Client = Readonly<{
  /** A command. Retried with the same idempotency key while the system is busy. @throws `InterfaceError` */
  send: (method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) => Promise<unknown>;
  /** A query, and how far its read model is. @throws `InterfaceError` */
  get: (path: string) => Promise<Readonly<{ body: unknown; position: string }>>;
  /** Server-sent events until `signal` aborts or the stream ends; resumes after `lastEventId`. */
  follow: (path: string, options: FollowOptions) => AsyncGenerator<LiveEvent>;
}>;

export type FollowOptions = Readonly<{ signal: AbortSignal; lastEventId?: string }>;

/** One server-sent event: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export type LiveEvent = Readonly<{ id: string; data: unknown }>;

const busy = new Set([429, 502, 503, 504]);

/** A client of the system at `baseUrl`. `token` is asked before each request, so that it can be renewed. */
export function makeClient(baseUrl: string, token?: () => Promise<string> | string): Client {
  const headers = async (): Promise<Record<string, string>> =>
    token === undefined ? {} : { authorization: `Bearer ${await token()}` };
  return {
    send: async (method, path, body) => {
      const key = randomUUID();
      for (let tries = 1; ; tries += 1) {
        const response = await fetch(baseUrl + path, {
          method,
          headers: {
            ...(await headers()),
            'idempotency-key': key,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        if (!busy.has(response.status) || tries === 5) return answerOf(method, path, response);
        await response.body?.cancel();
        const afterS = Number(response.headers.get('retry-after') ?? '1');
        await new Promise((wake) => setTimeout(wake, Math.min(afterS, 5) * 1_000));
      }
    },
    get: async (path) => {
      const response = await fetch(baseUrl + path, { headers: await headers() });
      const position = response.headers.get('daybook-position') ?? '';
      return { body: await answerOf('GET', path, response), position };
    },
    follow: async function* (path, { signal, lastEventId }) {
      const response = await fetch(baseUrl + path, {
        signal,
        headers: {
          ...(await headers()),
          accept: 'text/event-stream',
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        },
      });
      if (!response.ok || response.body === null) {
        await answerOf('GET', path, response);
        return;
      }
      yield* liveEvents(response.body);
    },
  };
}

async function answerOf(method: string, path: string, response: Response): Promise<unknown> {
  const text = await response.text();
  const body: unknown = text === '' ? null : parsed(text);
  if (response.ok) return body;
  throw new InterfaceError(method, path, response.status, body ?? {});
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { detail: text.slice(0, 200) };
  }
}

/** Reads a stream of server-sent events. Comments and events without data are passed over. */
export async function* liveEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<LiveEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = liveEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

function liveEvent(block: string): LiveEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, '');
    const before = fields.get(name);
    fields.set(name, name === 'data' && before !== undefined ? `${before}\n${value}` : value);
  }
  const data = fields.get('data');
  if (data === undefined) return undefined;
  return { id: fields.get('id') ?? '', data: parsed(data) };
}
