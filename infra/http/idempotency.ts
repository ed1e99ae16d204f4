import { setTimeout as pause } from 'node:timers/promises';
import { v5 } from 'uuid';
import type { Log, Vault } from '@daybook/kernel/ports/outside.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { Answer } from './answers.ts';
import type { Claim, IdempotencyStore } from './idempotency-store.ts';
import { edgeProblem, ProblemError } from './problems.ts';

/** A request that carries an idempotency key. */
export type KeyedRequest = Readonly<{
  /** From the header `Idempotency-Key`. */
  key: string;
  tenantId: string;
  actorId: string;
  command: string;
  /** Validated, in the order of the schema. */
  input: unknown;
}>;

export type KeyedAnswer = Readonly<{ answer: Answer; replayed: boolean }>;

/** Gives the first answer again to a repeated request. */
export type Idempotency = Readonly<{
  /**
   * Handles a request at most once for its key. `work` is told the command id: it derives from tenant, key and request,
   * so that a request whose answer was lost meets what it recorded.
   * @throws problems `idempotency-key-reused` · `request-in-progress`; `unavailable`
   */
  once(
    request: KeyedRequest,
    secret: boolean,
    work: (commandId: string) => Promise<Answer>,
  ): Promise<KeyedAnswer>;
}>;

export type IdempotencyOptions = Readonly<{
  store: IdempotencyStore;
  vault: Pick<Vault, 'hash'>;
  log: Log;
  /** How long a repeat waits for the first to end. Default 5 000. */
  waitMs?: number;
}>;

/** Namespace of command ids that derive from idempotency keys; random, and fixed for ever. */
const namespace = '0b6a3a52-6f0f-4f5e-9c83-1f1d6d1c9a41';

const pollMs = 25;

/** Makes it over a store. A repeat that comes while the first request runs waits for its answer. */
export function idempotency({ store, vault, log, waitMs = 5_000 }: IdempotencyOptions): Idempotency {
  async function claimed(id: string, fingerprint: string): Promise<Exclude<Claim, { state: 'underWay' }>> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      const claim = await store.claim(id, fingerprint);
      if (claim.state !== 'claimed' && claim.fingerprint !== undefined && claim.fingerprint !== fingerprint) {
        throw new ProblemError(edgeProblem('idempotency-key-reused'));
      }
      if (claim.state !== 'underWay') return claim;
      if (performance.now() > deadline) {
        throw new ProblemError(edgeProblem('request-in-progress', { headers: { 'retry-after': '1' } }));
      }
      await pause(pollMs);
    }
  }

  return {
    once: async (request, secret, work) => {
      const id = vault.hash('idempotency key', `${request.tenantId}\n${request.key}`);
      const fingerprint = vault.hash(
        'idempotent request',
        `${request.actorId}\n${request.command}\n${JSON.stringify(request.input)}`,
      );
      const claim = await claimed(id, fingerprint);
      if (claim.state === 'answered') return { answer: claim.answer, replayed: true };
      try {
        await failpoint('idempotency.claimed');
        const answer = await work(v5(`${id}\n${fingerprint}`, namespace));
        await failpoint('idempotency.keeping');
        await store.keep(id, answer, secret);
        await failpoint('idempotency.kept');
        return { answer, replayed: false };
      } catch (error) {
        await failpoint('idempotency.releasing');
        await store.release(id).catch((failure: unknown) => {
          log.warn('A claim on an idempotency key could not be released; it ends by itself.', {
            error: failure,
          });
        });
        await failpoint('idempotency.released');
        throw error;
      }
    },
  };
}

/** The header as a key, or undefined where there is none. @throws a problem `header-invalid` */
export function idempotencyKeyOf(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new ProblemError(
    edgeProblem('header-invalid', {
      errors: [{ field: 'Idempotency-Key', message: 'Has to be 1 to 255 visible ASCII characters.' }],
    }),
  );
}
