import type { Step } from '@daybook/kernel/event.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import type { Waiting } from './effects.ts';

type WaitingRow = Omit<Waiting, 'steps'> & Readonly<{ steps: readonly Step[] | null }>;

/** Along the keys that lead with process and tenant: what others have waiting is not read. */
const text = `
  select 'effect' as kind, o.id::text as id, coalesce(o.closed_at, o.due_at) as at, o.status as state,
    coalesce(o.effect->'call'->>'command', o.effect->'message'->>'type', o.effect->>'effect') as name,
    o.metadata->'steps' as steps, o.metadata->>'correlationId' as "correlationId"
  from runtime.effects o
  where o.process = any($1) and o.tenant_id = $2 and o.metadata->>'correlationId' = any($3)
  union all
  select 'timer', t.input_id, case when t.reason is null then t.due_at else t.failed_at end,
    case when t.reason is null then 'waiting' else 'dead' end, t.timer, t.metadata->'steps', t.metadata->>'correlationId'
  from runtime.timers t
  where t.process = any($1) and t.tenant_id = $2 and t.metadata->>'correlationId' = any($3)
  order by at limit $4`;

/** What processes still have waiting for a tenant on account of some correlations: effects not done, timers not due; `dead` is what is parked. */
export async function waitingOf(
  { pool }: Pick<Database, 'pool'>,
  about: Readonly<{
    processes: readonly string[];
    tenantId: string;
    correlationIds: readonly string[];
    most: number;
  }>,
): Promise<readonly Waiting[]> {
  const { processes, tenantId, correlationIds, most } = about;
  try {
    const { rows } = await pool.query<WaitingRow>(text, [processes, tenantId, correlationIds, most]);
    return rows.map((row) => ({ ...row, steps: row.steps ?? [] }));
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
