import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import type { Database } from '../database/database.ts';
import { leaseEffects, settleEffects, untilNextEffect, type LeasedEffect } from './outbox.ts';

/** Far above what any plan but the right one takes for this queue: looking along all of it takes 20 s a lease. */
const limitMs = 4_000;
const queue = 20_000;

describe('a long queue whose plans and statistics are of an empty one', () => {
  let database: Database;
  let drop: () => Promise<void>;
  beforeEach(async () => {
    ({ database, drop } = await freshDatabase({ poolSize: 1 }));
  });
  afterEach(() => drop());

  const lease = (): Promise<readonly LeasedEffect[]> =>
    leaseEffects(database.pool, { processes: ['p'], instances: 64, mostOfInstance: 20, leaseMs: 60_000 });

  /** Two effects for each instance. */
  async function fill(): Promise<void> {
    await database.pool.query(
      `insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata)
       select gen_random_uuid(), 'p', 't', (n / 2)::text, '{}', '{}' from generate_series(2, $1::integer + 1) n`,
      [queue],
    );
  }

  /** A connection keeps the plans of its first calls. */
  async function planOnEmpty(): Promise<void> {
    for (let n = 0; n < 8; n += 1) expect(await lease()).toEqual([]);
  }

  async function work(): Promise<void> {
    const startedAt = performance.now();
    const leased = await lease();
    expect(leased.length).toBe(128);
    await settleEffects(
      database.pool,
      leased.map(({ seq, lease: name }, n) => ({
        seq,
        lease: name,
        outcome: n % 2 === 0 ? { is: 'done' } : { is: 'again', afterMs: 60_000, reason: 'failed' },
      })),
    );
    expect(await untilNextEffect(database.pool, ['p'])).toBeLessThan(0);
    expect(performance.now() - startedAt).toBeLessThan(limitMs);
  }

  test('is worked off as fast where the plans were made before', async () => {
    await planOnEmpty();
    await fill();
    await work();
  });

  test('is worked off as fast where the statistics count one row on many pages', async () => {
    await fill();
    // The last row keeps its page, and with it all before it.
    await database.pool.query(
      `delete from runtime.effects where seq < (select max(seq) from runtime.effects)`,
    );
    await database.pool.query('vacuum (analyze) runtime.effects');
    await database.pool.query(`update runtime.effects set due_at = now() + interval '1 day'`);
    await planOnEmpty();
    await fill();
    await work();
  });
});
