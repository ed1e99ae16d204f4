/** Callers that send commands without pause and remember what was acknowledged, for tests that break things meanwhile. */
import { randomUUID } from 'node:crypto';
import { must, type Answer, type Caller, type Person } from './caller.ts';
import type { Acked } from './oracle.ts';

type Sent = Readonly<{ method: string; path: string; body?: unknown; key: string }>;

export type Load = Readonly<{
  /** Resolves once so many commands were acknowledged in all. @throws where one was refused for good: a test's mistake */
  acknowledged: (count: number) => Promise<void>;
  acked: () => readonly Acked[];
  /** Statuses of answers that were no success, `lost` where there was none; `hasty` a 503 that says not when to come back. */
  failures: () => readonly (number | 'lost' | 'hasty')[];
  /** Ends the callers; each finishes what it has in hand. */
  stop: () => Promise<void>;
  /**
   * Sends what was not acknowledged again, and some that was, with their keys.
   * @throws where a repeat is refused, or answers otherwise than the first time
   */
  repeat: () => Promise<void>;
}>;

export type LoadOptions = Readonly<{
  person: Person;
  /** The n-th page to track. */
  page: (n: number) => string;
  callers?: number;
  /** Pages tracked at most; after that products are renamed. Default 24. */
  pages?: number;
  /**
   * Each request is repeated with its key until it is answered, as a good client does: after what `Retry-After` says, or a
   * moment where nobody answered. Only what never was answered counts as a failure then. Default false.
   */
  persistent?: boolean;
  /** The same person at another address of the system, to which a persistent client turns where one does not answer. */
  elsewhere?: Caller;
}>;

/** No scheduled check falls into a test, whatever the hour: an oracle that looks while one is made sees half of it. */
const notToday = { cron: `0 ${String((new Date().getUTCHours() + 12) % 24)} * * *`, timeZone: 'UTC' };

/** How long a persistent client goes on. */
const persistMs = 60_000;

/** Starts the load: pages are tracked, then renamed and checked over and over. */
export function startLoad(options: LoadOptions): Load {
  const { person, page, callers = 4, pages = 24, persistent = false } = options;
  const acked: Acked[] = [];
  const answers = new Map<string, Readonly<{ sent: Sent; answer: Answer }>>();
  const unknown: Sent[] = [];
  const failures: (number | 'lost' | 'hasty')[] = [];
  const products: string[] = [];
  const waiting = new Set<() => void>();
  let tracked = 0;
  let stopping = false;

  const note = (sent: Sent, answer: Answer): void => {
    const { productId } = answer.body as { productId: string };
    if (sent.path === '/v1/market/products') products.push(productId);
    acked.push({
      tenantId: person.tenantId,
      stream: `product-${productId}`,
      position: answer.headers.get('daybook-position') ?? '',
    });
    answers.set(sent.key, { sent, answer });
    for (const look of [...waiting]) look();
  };

  const next = (): Sent => {
    const key = randomUUID();
    // Before a product is known there is nothing to rename.
    if (tracked < pages || products.length === 0) {
      tracked += 1;
      return {
        method: 'POST',
        path: '/v1/market/products',
        body: { url: page(tracked), schedule: notToday },
        key,
      };
    }
    const productId = products[Math.floor(Math.random() * products.length)] ?? randomUUID();
    return { method: 'PATCH', path: `/v1/market/products/${productId}`, body: { name: `Name ${key}` }, key };
  };

  const send = (sent: Sent, call = person.call): Promise<Answer> =>
    call(sent.method, sent.path, {
      ...(sent.body === undefined ? {} : { body: sent.body }),
      headers: { 'idempotency-key': sent.key },
    });
  const insist = (sent: Sent): Promise<Answer> =>
    persistently((turn) => send(sent, turn % 2 === 1 ? options.elsewhere : undefined));

  async function caller(): Promise<void> {
    while (!stopping) {
      const sent = next();
      try {
        const answer = await (persistent ? insist(sent) : send(sent));
        if (answer.status < 300) note(sent, answer);
        else {
          const hasty = answer.status === 503 && !answer.headers.has('retry-after');
          failures.push(hasty ? 'hasty' : answer.status);
          for (const look of [...waiting]) look();
          if (answer.status >= 500) unknown.push(sent);
        }
      } catch {
        failures.push('lost');
        unknown.push(sent);
      }
      // Nobody hammers a system that is away: a caller that failed waits as the answer asks, at least a moment.
      await new Promise((wake) => setTimeout(wake, failures.length > 0 ? 50 : 5));
    }
  }

  const running = Promise.all(Array.from({ length: callers }, caller));
  return {
    acknowledged: (count) =>
      new Promise((done, fail) => {
        const look = (): void => {
          const refused = failures.find((failure) => failure === 400 || failure === 401 || failure === 403);
          if (acked.length < count && refused === undefined) return;
          waiting.delete(look);
          if (refused === undefined) done();
          else fail(new Error(`A command of the load was refused with ${String(refused)}.`));
        };
        waiting.add(look);
        look();
      }),
    acked: () => acked,
    failures: () => failures,
    stop: async () => {
      stopping = true;
      await running;
    },
    repeat: async () => {
      for (const sent of unknown) {
        const answer = await insist(sent);
        must(answer, 200, 201, 202, 204);
        note(sent, answer);
      }
      for (const { sent, answer } of [...answers.values()].slice(-20)) {
        const again = await insist(sent);
        if (again.status !== answer.status || JSON.stringify(again.body) !== JSON.stringify(answer.body)) {
          throw new Error(
            `A repeat of ${sent.method} ${sent.path} answers otherwise: ${JSON.stringify(again.body)}`,
          );
        }
      }
    },
  };
}

/**
 * Asks until the answer is no 5xx: after what `Retry-After` says, or a moment where nobody answered. The last answer, or
 * error, where that takes too long; at once where a 503 does not say when to come back, which is a defect.
 * @param ask told how many tries there were before
 */
export async function persistently(ask: (turn: number) => Promise<Answer>): Promise<Answer> {
  const deadline = performance.now() + persistMs;
  for (let turn = 0; ; turn += 1) {
    const late = performance.now() > deadline;
    let pauseMs = 100;
    try {
      const answer = await ask(turn);
      const retryAfter = answer.headers.get('retry-after');
      if (answer.status < 500 || late || retryAfter === null) return answer;
      pauseMs = Number(retryAfter) * 1_000;
    } catch (error) {
      if (late) throw error;
    }
    await new Promise((wake) => setTimeout(wake, pauseMs));
  }
}
