import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { defaultRetention } from '../topics/retention.ts';
import { eachPart, reasonOf, rest } from './loop.ts';
import { forgetRejectedEffects, wakeStragglers } from './outbox.ts';
import { forgetInputs } from './process-store.ts';

const dayMs = 24 * 60 * 60 * 1_000;

/** Longer than a topic keeps a message for any group: for one that is away, and a week beyond. */
const inputsLifeMs = defaultRetention.forgottenAfterMs + 7 * dayMs;

export type HousekeepingOptions = Readonly<{
  database: Database;
  log: Log;
  signal: AbortSignal;
  /** Default: an hour. */
  everyMs?: number;
  /** How long ids of messages are known, in milliseconds; longer than any topic keeps messages. Default: 37 days. */
  inputsMs?: number;
  /** How long refused effects stay visible, in milliseconds. Default: 30 days. */
  rejectedMs?: number;
}>;

/** Forgets what processes need no longer, now and then, until `signal` aborts. */
export async function runHousekeeping(options: HousekeepingOptions): Promise<void> {
  const {
    database,
    log,
    signal,
    everyMs = 3_600_000,
    inputsMs = inputsLifeMs,
    rejectedMs = 30 * dayMs,
  } = options;
  while (!signal.aborted) {
    const failed = (part: string, error: unknown): void => {
      log.warn('The upkeep of processes failed in part.', { part, ...reasonOf(error) });
    };
    const parts = {
      inputs: () => forgetInputs(database.pool, inputsMs, signal),
      rejectedEffects: () => forgetRejectedEffects(database.pool, rejectedMs, signal),
      stragglers: () => wakeStragglers(database.pool),
    };
    try {
      await failpoint('housekeeping.removing');
      await eachPart(parts, failed);
      await failpoint('housekeeping.removed');
    } catch (error) {
      failed('all', error);
    }
    await rest(everyMs, signal);
  }
}
