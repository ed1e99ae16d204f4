import type pg from 'pg';
import { translateDatabaseError } from '../database/database.ts';

type Querier = Pick<pg.Pool, 'query'>;

/** The schemas that Daybook makes. Whatever else stands in a database is somebody else's. */
export const ownSchemas = [
  'log',
  'topics',
  'registry',
  'vault',
  'runtime',
  'read',
  'operations',
  'scraping',
] as const;

/**
 * Tables that a backup leaves out, and why. Every other table is in it, also one that a later migration makes: what the
 * log cannot give back has to be, and what stands beside the log has to be of the same moment.
 */
export const leftOut: Readonly<Record<string, string>> = {
  'runtime.migrations': 'a restore runs the migrations that the manifest names',
  'runtime.migrations_lock': 'belongs to the migrations',
  'runtime.code_needed': 'belongs to the migrations',
  'runtime.followed_log': 'a restore begins an epoch and writes it anew',
  'runtime.idempotent_requests': 'answers to repeat: the log itself knows by derived ids what was done',
  'runtime.snapshots': 'a cache of what the log holds',
  'topics.members': 'leases of processes that run',
};

/** A table of a backup: its columns in order, and the terms by which its rows are sorted, alike on every server. */
export type KeptTable = Readonly<{ name: string; columns: readonly string[]; key: readonly string[] }>;

const kept = `
  select n.nspname || '.' || c.relname as name,
    (select json_agg(a.attname order by a.attnum) from pg_attribute a
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
    coalesce((select json_agg(format('%I', a.attname) || case when a.attcollation <> 0 then ' collate "C"' else '' end order by k.n)
       from pg_index i cross join lateral unnest(i.indkey) with ordinality k (attnum, n)
       join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
       where i.indrelid = c.oid and i.indisprimary), '[]') as key,
    coalesce((select json_agg(distinct fn.nspname || '.' || f.relname)
       from pg_constraint r join pg_class f on f.oid = r.confrelid join pg_namespace fn on fn.oid = f.relnamespace
       where r.conrelid = c.oid and r.contype = 'f' and r.confrelid <> c.oid), '[]') as behind
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname = any($1) and n.nspname <> 'read'
    and n.nspname || '.' || c.relname <> all($2)
  order by n.nspname collate "C", c.relname collate "C"`;

/**
 * The tables of a backup, each behind those that it refers to. Unlogged tables are left out, since they hold nothing
 * worth a write to disk, and so are read models, which are folded from the log.
 * @throws `unavailable`
 */
export async function keptTables(querier: Querier): Promise<readonly KeptTable[]> {
  const { rows } = await querier
    .query<KeptTable & { behind: readonly string[] }>(kept, [ownSchemas, Object.keys(leftOut)])
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  const placed = new Map<string, KeptTable>();
  while (placed.size < rows.length) {
    const next = rows.filter(
      ({ name, behind }) => !placed.has(name) && behind.every((other) => placed.has(other)),
    );
    if (next.length === 0) throw new Error('Tables refer to each other in a circle.');
    for (const { name, columns, key } of next) placed.set(name, { name, columns, key });
  }
  return [...placed.values()];
}

/** A sequence, and what it gave last; `called` is false before its first number. */
export type SequenceState = Readonly<{ name: string; value: number; called: boolean }>;

/** The sequences of tables that are in a backup. @throws `unavailable` */
export async function sequencesOf(
  querier: Querier,
  tables: readonly KeptTable[],
): Promise<readonly SequenceState[]> {
  const { rows } = await querier
    .query<SequenceState>(
      `select s.schemaname || '.' || s.sequencename as name, coalesce(s.last_value, s.start_value) as value,
         s.last_value is not null as called
       from pg_sequences s
       join pg_depend d on d.objid = to_regclass(format('%I.%I', s.schemaname, s.sequencename)) and d.deptype in ('a', 'i')
       join pg_class c on c.oid = d.refobjid join pg_namespace n on n.oid = c.relnamespace
       where n.nspname || '.' || c.relname = any($1) order by name`,
      [tables.map(({ name }) => name)],
    )
    .catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  return rows;
}

/** A name of a schema and a thing in it, as SQL writes it. */
export function sqlName(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
}
