import { translateDatabaseError } from '../database/database.ts';
import type { Querier } from '../runtime/checkpoints.ts';

/**
 * Consumers that the database has met: whoever follows a topic, the relays, and whoever has something parked. One that
 * never ran is not among them.
 * @throws `unavailable` · `timeout`
 */
export async function recordedConsumers(querier: Querier): Promise<readonly string[]> {
  try {
    const { rows } = await querier.query<{ consumer: string }>(
      `select group_name as consumer from topics.groups
       union select 'relay ' || name from topics.relays
       union select consumer from runtime.parked`,
    );
    return rows.map(({ consumer }) => consumer);
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
