import type { Platform } from '../platform.ts';
import { bearerAuthentication } from './authentication.ts';
import type { Gate } from './guards.ts';
import { startHousekeeping } from './housekeeping.ts';
import { idempotency, type Idempotency } from './idempotency.ts';
import { postgresIdempotency } from './idempotency-store.ts';
import { postgresCounts, rateLimits, ratePolicies, type RateLimitSettings } from './rate-limits.ts';

/** What the routes of a service share: who may pass, how often, and the memory of idempotency keys. */
export type SharedGate = Gate &
  Readonly<{
    idempotency: Idempotency;
    /** Writes counts and stops the sweeps. Idempotent. */
    close(): Promise<void>;
  }>;

export type SharedGateOptions = Readonly<{
  platform: Pick<Platform, 'database' | 'vault' | 'log' | 'tokens'>;
  limits: RateLimitSettings;
}>;

/** Opens the gate on PostgreSQL: every process on one database shares counts and keys. */
export function openSharedGate({ platform, limits: settings }: SharedGateOptions): SharedGate {
  const { database, vault, log, tokens } = platform;
  const policies = ratePolicies(settings);
  const limits = rateLimits({ policies, store: postgresCounts(database, policies), log });
  const store = postgresIdempotency({ database, vault });
  const housekeeping = startHousekeeping({ database, idempotency: store, log });
  let closing: Promise<void> | undefined;
  return {
    authenticate: bearerAuthentication(tokens),
    limits,
    idempotency: idempotency({ store, vault, log }),
    close: () => (closing ??= Promise.all([limits.close(), housekeeping.stop()]).then(() => undefined)),
  };
}
