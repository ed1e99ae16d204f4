/** Point 8 of the oracle, second half: a system that has stopped leaves nothing held. */
import { openDatabase } from '@daybook/infra/database/database.ts';
import { eventually } from './eventually.ts';
import { silentLog } from './silent-log.ts';

/**
 * Whatever is still held of the database of a stopped system, in words: connections, advisory locks, temporary tables,
 * leases and claims. Connections that are being taken down have a moment.
 */
export async function leftBehind(databaseUrl: string, withinMs = 5_000): Promise<readonly string[]> {
  const database = openDatabase({ url: databaseUrl, poolSize: 1, applicationName: 'oracle', log: silentLog });
  const look = async (): Promise<readonly string[]> =>
    (await database.pool.query<{ what: string }>(heldSql)).rows.map(({ what }) => what);
  try {
    return await eventually(
      async () => {
        const held = await look();
        if (held.length > 0) throw new Error('Something is held.');
        return held;
      },
      { withinMs, everyMs: 50 },
    ).catch(look);
  } finally {
    await database.close();
  }
}

const heldSql = `
  select 'connection of ' || application_name as what from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
  union all
  select 'advisory lock of process ' || pid from pg_locks
  where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
  union all
  select 'temporary table ' || relname from pg_class where relpersistence = 't' and relkind = 'r'
  union all
  select 'lead of relay ' || name from topics.relays where owner is not null
  union all
  select 'member of ' || group_name from topics.members where group_name not like 'oracle%'
  union all
  select 'partition ' || partition || ' of ' || group_name from topics.cursors
  where owner is not null and group_name not like 'oracle%'
  union all
  select 'effect of ' || process from runtime.effects where lease is not null
  union all
  select 'host ' || host from scraping.hosts where worker is not null and leased_until > now()
  union all
  select 'claim on an idempotency key' from runtime.idempotent_requests where status is null`;
