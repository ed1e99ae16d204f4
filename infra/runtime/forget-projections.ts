import { translateDatabaseError } from '../database/database.ts';
import type { Querier } from './checkpoints.ts';

/**
 * Forgets every read model, within the caller's transaction, with all that its projector remembered: checkpoints, holds,
 * its group's progress and what was parked for it. The next start folds them anew from the log. For when they may hold
 * what the log does not; nobody may be connected.
 * @throws `unavailable`
 */
export async function forgetProjections(querier: Querier): Promise<void> {
  try {
    await querier.query(dropReadModels);
    await querier.query(forget);
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

/** Views first: they stand on the tables. */
const dropReadModels = `
  do $$
  declare thing record;
  begin
    for thing in
      select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind,
        format('%I.%I', n.nspname, c.relname) as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'read' and c.relkind in ('v', 'm', 'r', 'p') and not c.relispartition
      order by c.relkind not in ('v', 'm'), c.oid desc
    loop
      execute format('drop %s if exists %s cascade', thing.kind, thing.name);
    end loop;
  end
  $$`;

/**
 * Consumers of processes bear the word in their names; all others are builds of projections, whose versions are groups
 * (see `projectionConsumer`).
 */
const forget = `
  create temporary table forgotten on commit drop as
    select distinct split_part(consumer, ' build ', 1) || '.v' || version as group_name
    from runtime.checkpoints where consumer not like 'process %';
  delete from topics.dead_letters where group_name in (select group_name from forgotten);
  delete from topics.cursors where group_name in (select group_name from forgotten);
  delete from topics.members where group_name in (select group_name from forgotten);
  delete from topics.groups where group_name in (select group_name from forgotten);
  delete from runtime.holds where consumer not like 'process %';
  delete from runtime.checkpoints where consumer not like 'process %';
  delete from runtime.builds;
  delete from runtime.read_models`;
