import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { reasonOf, rest } from '../runtime/loop.ts';
import { setParked } from '../telemetry/metrics.ts';
import { parkedSummary } from './parked.ts';

export type MeasureParkedOptions = Readonly<{
  database: Pick<Database, 'pool'>;
  log: Log;
  signal: AbortSignal;
  /** Default 15 000. */
  everyMs?: number;
}>;

/** Shows in the metrics what is parked in the whole installation, until `signal` aborts. */
export async function measureParked(options: MeasureParkedOptions): Promise<void> {
  const { database, log, signal, everyMs = 15_000 } = options;
  while (!signal.aborted) {
    try {
      const all = await parkedSummary(database.pool);
      setParked(all.map(({ oldestSeconds, ...one }) => ({ ...one, seconds: oldestSeconds })));
    } catch (error) {
      log.debug('What is parked cannot be measured for now.', reasonOf(error));
    }
    await rest(everyMs, signal);
  }
}
