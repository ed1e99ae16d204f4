import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { removeRows } from '../database/portions.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { eachPart } from '../runtime/loop.ts';
import { sweepNonces } from '../tokens/nonces.ts';
import type { IdempotencyStore } from './idempotency-store.ts';

export type HousekeepingOptions = Readonly<{
  database: Pick<Database, 'pool'>;
  idempotency: Pick<IdempotencyStore, 'sweep'>;
  log: Log;
  /** Default 10 minutes. */
  everyMs?: number;
}>;

/**
 * Forgets, at the start and from time to time, what the interface need not remember any more. Several processes may do it
 * at once.
 */
export function startHousekeeping(options: HousekeepingOptions): Readonly<{ stop(): Promise<void> }> {
  const { database, idempotency, log, everyMs = 600_000 } = options;
  const stopping = new AbortController();
  let sweeping: Promise<void> | undefined;
  const sweep = async (): Promise<void> => {
    const { signal } = stopping;
    const failed = (part: string, error: unknown): void => {
      log.warn('The HTTP interface could not forget what it need not remember.', { part, error });
    };
    const parts = {
      keys: () => idempotency.sweep(signal),
      nonces: () => sweepNonces(database, signal),
      counts: () => sweepCounts(database, signal),
    };
    try {
      await failpoint('interface.sweeping');
      const forgotten = await eachPart(parts, failed);
      await failpoint('interface.swept');
      log.debug('What the HTTP interface need not remember is forgotten.', forgotten);
    } catch (error) {
      failed('all', error);
    }
  };
  const begin = (): void => {
    sweeping ??= sweep().finally(() => {
      sweeping = undefined;
    });
  };
  const timer = setInterval(begin, everyMs);
  begin();
  return {
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await sweeping;
    },
  };
}

function sweepCounts({ pool }: Pick<Database, 'pool'>, signal: AbortSignal): Promise<number> {
  const expired = { table: 'runtime.rate_limits', where: 'expire < $1', values: [Date.now()] };
  return removeRows(pool, expired, signal);
}
