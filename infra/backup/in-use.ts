import { setTimeout as pause } from 'node:timers/promises';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';

/** Names under which Daybook's processes connect, but for the caller's own. */
const connected = `
  select distinct application_name as name from pg_stat_activity
  where datname = current_database() and backend_type = 'client backend' and application_name <> $1
    and application_name ~ '^(daybook|command-service|query-service|projectors|sagas|scrapers)'
  order by name`;

/** How long connections of a process that has just ended are waited for. */
const patienceMs = 3_000;

/**
 * Makes sure that no Daybook is connected to a database.
 * @param own the caller's own application name
 * @throws `maintenance-refused` that says who is · `unavailable`
 */
export async function refuseInUse(
  { pool }: Pick<Database, 'pool'>,
  own: string,
  what: string,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const { rows } = await pool.query<{ name: string }>(connected, [own]).catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
    if (rows.length === 0) return;
    if (performance.now() > deadline) {
      const names = rows.map(({ name }) => name).join(', ');
      throw new DaybookError(
        'maintenance-refused',
        `A Daybook is running on this database (${names}). Stop all of its processes before ${what}.`,
      );
    }
    await pause(100);
  }
}
