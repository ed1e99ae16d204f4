import { translateDatabaseError } from '../../database/database.ts';
import type { Querier } from '../checkpoints.ts';

/**
 * Ids of events that somebody gave up for a projection, of whatever version: where it cannot take them in they are left
 * out, and hold nobody back. None before the read model of decisions was folded for the first time.
 * @throws `unavailable` · `timeout`
 */
export async function skippedEvents(querier: Querier, projection: string): Promise<ReadonlySet<string>> {
  try {
    const { rows: found } = await querier.query(
      `select where to_regclass('read.parked_decisions') is not null`,
    );
    if (found.length === 0) return new Set();
    const { rows } = await querier.query<{ id: string }>(
      `select event_id as id from read.parked_decisions
       where kind = 'message' and act = 'skipped' and event_id is not null
         and regexp_replace(consumer, '\\.v\\d+$', '') = $1`,
      [projection],
    );
    return new Set(rows.map(({ id }) => id));
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
