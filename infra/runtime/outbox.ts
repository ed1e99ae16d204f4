import { randomUUID } from 'node:crypto';
import type { CommandDelivery } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { removeRows } from '../database/portions.ts';
import type { Querier } from './checkpoints.ts';
import type { InstanceName, OutwardEffect } from './process-step.ts';

// No statement here has a name: a named one keeps the plan of its first executions, and what was best for an empty table
// is worst for a long queue. And a queue's statistics are those of an empty one: `= any(array(…))`, `offset 0` and `seq + 0`
// leave the planner no other way than the index meant, as in `0131-lease-by-one-plan.sql`.

/** An effect that this dispatcher holds for a while. */
export type LeasedEffect = InstanceName &
  Readonly<{
    seq: number;
    id: string;
    process: string;
    effect: OutwardEffect;
    metadata: CommandDelivery;
    /** Name of the lease; another holder has another. */
    lease: string;
    /** Failed attempts so far. */
    attempts: number;
    /** ISO 8601, UTC, by the database's clock: when it was committed. */
    createdAt: string;
  }>;

/**
 * Leases effects for a time: see `runtime.lease_effects` in `0131-lease-by-one-plan.sql`. Not flushed: after a crash of the
 * server the last leases are free again, as they are once their time is over.
 */
export async function leaseEffects(
  querier: Querier,
  options: Readonly<{
    processes: readonly string[];
    instances: number;
    mostOfInstance: number;
    leaseMs: number;
  }>,
): Promise<readonly LeasedEffect[]> {
  const { processes, instances, mostOfInstance, leaseMs } = options;
  const { rows } = await querier.query<LeasedEffect>({
    text: `
      select o.seq, o.id, o.process, o.tenant_id as "tenantId", o.instance_id as "instanceId", o.effect,
        o.metadata, o.lease, o.attempts, o.created_at as "createdAt"
      from (select set_config('synchronous_commit', 'off', true)) unflushed,
        runtime.lease_effects($1, $2, $3, $4, $5) o`,
    values: [processes, instances, mostOfInstance, randomUUID(), leaseMs],
  });
  return rows.sort((a, b) => a.seq - b.seq);
}

/** What became of an effect. Everything but `done` is for people to see or for a later time. */
export type EffectOutcome =
  | Readonly<{ is: 'done' }>
  /** The command was refused: an outcome, kept with its reason. */
  | Readonly<{ is: 'rejected'; reason: string }>
  /** Parked: what follows it in its instance waits until it is retried or skipped. */
  | Readonly<{ is: 'dead'; reason: string }>
  | Readonly<{ is: 'again'; afterMs: number; reason: string }>
  /** Not tried: free for whoever comes first, at once or after a time. */
  | Readonly<{ is: 'released'; afterMs?: number }>
  /** Not tried: one before it in its instance is parked. */
  | Readonly<{ is: 'waits' }>;

export type SettledEffect = Readonly<{ seq: number; lease: string; outcome: EffectOutcome }>;

/** Records outcomes with one statement. What is under another lease by now is left alone. */
export async function settleEffects(querier: Querier, settled: readonly SettledEffect[]): Promise<void> {
  await querier.query({
    text: `
      with settled as materialized (
        select * from json_to_recordset($1::json)
          as r(seq bigint, lease uuid, "is" text, reason text, "afterMs" double precision)
      ), done as (
        delete from runtime.effects o using settled r
        where o.seq = any(array(select seq from settled where "is" = 'done')) and r.seq = o.seq and r.lease = o.lease
      ), behind as (
        -- What waits behind a failed effect is not looked at before that is due, behind a parked one not at all.
        update runtime.effects o set due_at = case when r.is = 'dead' then runtime.behind_parked()
          else clock_timestamp() + make_interval(secs => r."afterMs" / 1000) end
        from (select r.*, e.place from settled r join runtime.effects f on f.seq = r.seq and f.lease = r.lease
              cross join lateral (
                select e.ctid as place, e.seq from runtime.effects e
                where e.process = f.process and e.tenant_id = f.tenant_id and e.instance_id = f.instance_id
                  and e.status in ('pending', '') and e.seq + 0 > f.seq offset 0) e
              where f.seq = any(array(select seq from settled where "is" in ('again', 'dead')))
                and e.seq not in (select seq from settled)) r
        where o.ctid = r.place
      )
      update runtime.effects o set
        status = case when r.is in ('rejected', 'dead') then r.is else 'pending' end,
        attempts = o.attempts + case when r.is in ('released', 'waits') then 0 else 1 end,
        reason = coalesce(r.reason, o.reason),
        first_failed_at = case when r.is in ('again', 'dead') then coalesce(o.first_failed_at, now()) else o.first_failed_at end,
        due_at = case when r.is = 'waits' then runtime.behind_parked() when r."afterMs" is not null
          then clock_timestamp() + make_interval(secs => r."afterMs" / 1000) else o.due_at end,
        closed_at = case when r.is in ('rejected', 'dead') then now() end,
        lease = null, leased_until = null
      from settled r
      where o.seq = any(array(select seq from settled where "is" <> 'done')) and r.seq = o.seq and r.lease = o.lease`,
    values: [JSON.stringify(settled.map(({ seq, lease, outcome }) => ({ seq, lease, ...outcome })))],
  });
}

/** Milliseconds until the next effect of some processes may be tried; null for none among those that are due first. */
export async function untilNextEffect(
  querier: Querier,
  processes: readonly string[],
): Promise<number | null> {
  const { rows } = await querier.query<{ ms: number | null }>({
    text: `
      select extract(epoch from min(greatest(due_at, coalesce(leased_until, due_at))) - clock_timestamp())
        ::double precision * 1000 as ms
      from (select * from runtime.effects
            where status = 'pending' and process = any($1) and due_at < runtime.behind_parked()
            order by due_at limit 1000) waiting
      -- What stands behind another of its instance waits for that one, however long it has been due itself.
      where not exists (
        select from runtime.effects e
        where e.process = waiting.process and e.tenant_id = waiting.tenant_id
          and e.instance_id = waiting.instance_id and e.status in ('pending', 'dead')
          and e.seq + 0 < waiting.seq offset 0)`,
    values: [processes],
  });
  return rows[0]?.ms ?? null;
}

/** An effect that is parked: named by its place in the outbox, and by when it was given up. */
export type ParkedEffect = Readonly<{ seq: number; closedAt: string }>;

/**
 * Lets a parked effect be tried again, under its old id and with as many attempts as a new one, and behind it what waits in
 * its instance: until it is done or parked again it is shown as retried. False where it is not
 * parked, or was given up at another time. What somebody had leased before the effect was parked ends first, so that
 * nothing is in two hands.
 */
export function reviveEffect(
  database: Pick<Database, 'transaction'>,
  effect: ParkedEffect,
): Promise<boolean> {
  return changeParked(
    database,
    effect,
    `update runtime.effects o set status = 'pending', last_parked_at = closed_at, closed_at = null,
       first_failed_at = coalesce(first_failed_at, closed_at),
       earlier_attempts = earlier_attempts + attempts, attempts = 0,
       due_at = greatest(now(), (
         select max(e.leased_until) from runtime.effects e
         where e.process = o.process and e.tenant_id = o.tenant_id and e.instance_id = o.instance_id
           and e.status = 'pending'))
     where seq = $1 and status = 'dead' and date_trunc('milliseconds', closed_at) = $2
     returning process, tenant_id, instance_id`,
  );
}

/** Removes a parked effect and lets what waits behind it go; false where it is not parked, or was given up at another time. */
export function skipEffect(database: Pick<Database, 'transaction'>, effect: ParkedEffect): Promise<boolean> {
  return changeParked(
    database,
    effect,
    `delete from runtime.effects
     where seq = $1 and status = 'dead' and date_trunc('milliseconds', closed_at) = $2
     returning process, tenant_id, instance_id`,
  );
}

async function changeParked(
  database: Pick<Database, 'transaction'>,
  { seq, closedAt }: ParkedEffect,
  change: string,
): Promise<boolean> {
  return await database.transaction(async (client) => {
    // Whoever adds effects of the instance holds its row: none is added unseen while this one is let go.
    await client.query(
      `select from runtime.process_instances i join runtime.effects o using (process, tenant_id, instance_id)
       where o.seq = $1 for update of i`,
      [seq],
    );
    const { rows } = await client.query<{ process: string; tenant_id: string; instance_id: string }>(change, [
      seq,
      closedAt,
    ]);
    const [name] = rows;
    if (name === undefined) return false;
    await client.query(
      `update runtime.effects set due_at = now()
       where process = $1 and tenant_id = $2 and instance_id = $3 and status = 'pending'
         and due_at = runtime.behind_parked()`,
      [name.process, name.tenant_id, name.instance_id],
    );
    return true;
  });
}

/**
 * Lets effects go that wait behind something parked which is not there any more, as can be where an instance began anew
 * at that moment; answers with how many.
 */
export async function wakeStragglers(querier: Querier): Promise<number> {
  const { rowCount } = await querier.query(
    `update runtime.effects o set due_at = now()
     where status = 'pending' and due_at = runtime.behind_parked() and not exists (
       select from runtime.effects d
       where d.process = o.process and d.tenant_id = o.tenant_id and d.instance_id = o.instance_id
         and d.status = 'dead' and d.seq < o.seq)`,
  );
  return rowCount ?? 0;
}

/** Removes refused effects older than a window; dead ones stay until somebody sees to them. */
export function forgetRejectedEffects(
  querier: Querier,
  olderThanMs: number,
  signal?: AbortSignal,
): Promise<number> {
  const where = `status = 'rejected' and closed_at < now() - make_interval(secs => $1)`;
  return removeRows(querier, { table: 'runtime.effects', where, values: [olderThanMs / 1_000] }, signal);
}
