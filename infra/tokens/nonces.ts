import { translateDatabaseError, type Database } from '../database/database.ts';
import { removeRows } from '../database/portions.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { Nonces } from './service-signature.ts';

/** Nonces of one process. */
export function memoryNonces(now: () => number = () => performance.now()): Nonces {
  const used = new Map<string, number>();
  return {
    use: (nonce, forMs) => {
      const at = now();
      for (const [old, until] of used) {
        if (until > at) break;
        used.delete(old);
      }
      if (used.has(nonce)) return Promise.resolve(false);
      used.set(nonce, at + forMs);
      return Promise.resolve(true);
    },
  };
}

/** Nonces shared by all processes on one database. */
export function postgresNonces(database: Pick<Database, 'pool'>): Nonces {
  return {
    use: async (nonce, forMs) => {
      try {
        await failpoint('nonces.using');
        const { rowCount } = await database.pool.query(
          `insert into runtime.request_nonces (nonce, expires_at)
           values ($1, now() + make_interval(secs => $2)) on conflict do nothing`,
          [nonce, forMs / 1_000],
        );
        await failpoint('nonces.used');
        return rowCount === 1;
      } catch (error) {
        throw translateDatabaseError(error);
      }
    },
  };
}

/** Forgets nonces whose requests would be refused as stale. Answers with how many. */
export function sweepNonces(database: Pick<Database, 'pool'>, signal?: AbortSignal): Promise<number> {
  return removeRows(database.pool, { table: 'runtime.request_nonces', where: 'expires_at < now()' }, signal);
}
