import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { inPortions } from '../database/portions.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { reasonOf } from '../runtime/loop.ts';
import { ask } from './postgres-statement.ts';

/**
 * When messages are removed. A message goes once it is older than its topic's retention AND every group has handled it
 * or set it aside as a dead letter, which is a copy. A group holds messages back for as long as it has members, and
 * `forgottenAfterMs` beyond; a topic without groups goes by age alone.
 */
export type RetentionPolicy = Readonly<{
  /** How often to look. 0: never. Default one minute. */
  everyMs: number;
  /** A group that had no member for this long holds nothing back; it goes on with what is left. Default 30 days. */
  forgottenAfterMs: number;
}>;

export const defaultRetention: RetentionPolicy = {
  everyMs: 60_000,
  forgottenAfterMs: 30 * 24 * 60 * 60 * 1000,
};

/** Removes what the policy lets go, of every topic. Answers with how many messages that were. */
export async function removeExpired(database: Database, policy: RetentionPolicy): Promise<number> {
  const topics = await ask<readonly [number]>(database, {
    name: 'topics.retained',
    text: 'select topic_id from topics.topics where retention_ms is not null order by topic_id',
    values: [],
  });
  let removed = 0;
  for (const [id] of topics) {
    // Of each partition so many.
    removed += await inPortions(async (most) => {
      await failpoint('retention.removing');
      const rows = await ask<readonly [number]>(database, {
        name: 'topics.remove_expired',
        text: 'select topics.remove_expired($1, $2, $3)',
        values: [id, most, policy.forgottenAfterMs],
      });
      await failpoint('retention.removed');
      return rows[0]?.[0] ?? 0;
    });
  }
  return removed;
}

/** Applies the policy at the start, and again and again until `stop`, which waits for a removal under way. */
export function startRetention(
  database: Database,
  policy: RetentionPolicy,
  log: Log,
): Readonly<{ stop(): Promise<void> }> {
  let working: Promise<void> = Promise.resolve();
  let busy = false;
  const work = async (): Promise<void> => {
    try {
      const removed = await removeExpired(database, policy);
      if (removed > 0) log.info('Messages beyond their retention were removed.', { removed });
    } catch (error) {
      log.warn('Retention could not be applied.', reasonOf(error));
    }
    busy = false;
  };
  const begin = (): void => {
    if (busy) return;
    busy = true;
    working = work();
  };
  const timer = policy.everyMs > 0 ? setInterval(begin, policy.everyMs) : undefined;
  timer?.unref();
  if (timer !== undefined) begin();
  return {
    stop: async () => {
      clearInterval(timer);
      await working;
    },
  };
}
