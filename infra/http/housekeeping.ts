import type { Log } from '@daybook/kernel/ports/outside.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
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
  let sweeping: Promise<void> | undefined;
  const sweep = async (): Promise<void> => {
    try {
      await failpoint('interface.sweeping');
      const keys = await idempotency.sweep();
      const nonces = await sweepNonces(database);
      const counts = await sweepCounts(database);
      await failpoint('interface.swept');
      log.debug('What the HTTP interface need not remember is forgotten.', { keys, nonces, counts });
    } catch (error) {
      log.warn('The HTTP interface could not forget what it need not remember.', { error });
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
      await sweeping;
    },
  };
}

async function sweepCounts(database: Pick<Database, 'pool'>): Promise<number> {
  try {
    const { rowCount } = await database.pool.query('delete from runtime.rate_limits where expire < $1', [
      Date.now(),
    ]);
    return rowCount ?? 0;
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
