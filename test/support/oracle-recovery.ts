/** Point 9 of the oracle: how long a system took to come back, and whether it said so truthfully. */
import { must, type Caller } from './caller.ts';
import { eventually } from './eventually.ts';

export type Recovery = Readonly<{
  /** Milliseconds until it said that it is ready; null where it never did. */
  readyMs: number | null;
  /** What was wrong, in words. */
  wrong: readonly string[];
}>;

/** A system that comes back is asked for the first time that it is ready; from there on it has to answer. */
export type RecoveryWatch = Readonly<{ stop: () => Promise<Recovery> }>;

const everyMs = 25;
/** A busy machine may refuse one request or another. */
const answersWithinMs = 20_000;
const query = '/v1/market/overview';

/**
 * Asks `/readyz` over and over. At the first 200 a query has to be answered; whatever it says before that is 503, and has
 * its reason.
 * @param call as a person of a tenant
 */
export function watchRecovery(call: Caller, withinMs = answersWithinMs): RecoveryWatch {
  const began = performance.now();
  const wrong: string[] = [];
  let readyMs: number | null = null;
  const stopping = new AbortController();
  const asking = (async () => {
    while (!stopping.signal.aborted && readyMs === null) {
      const answer = await call('GET', '/readyz').catch(() => null);
      if (answer?.status === 200) {
        readyMs = performance.now() - began;
        const answered = eventually(async () => must(await call('GET', query), 200), { withinMs });
        await answered.catch((error: unknown) => {
          wrong.push(`said it is ready, and did not answer: ${String(error)}`);
        });
      } else if (answer !== null && answer.status !== 503) {
        wrong.push(`answered /readyz with ${String(answer.status)} while it was not ready`);
      }
      await new Promise((wake) => setTimeout(wake, everyMs));
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await asking;
      return { readyMs, wrong };
    },
  };
}
