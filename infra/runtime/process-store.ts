import type { CommandDelivery } from '@daybook/kernel/ports/outside.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { removeRows } from '../database/portions.ts';
import type { Querier } from './checkpoints.ts';
import { instanceKey, type InstanceName, type ProcessChanges } from './process-step.ts';

// Statements that join a list with a table have no names: a named one keeps the plan of its first executions, and what
// was best for an empty table (a scan of all of it) is worst for a full one until the table is next analysed.

/** States of instances as they stand under lock, and the database's clock. */
export type LockedInstances = Readonly<{
  states: ReadonlyMap<string, Readonly<{ state: unknown }>>;
  now: string;
}>;

/**
 * Locks the instances that exist, to the end of the transaction, and reads their states and the database's clock. Locks
 * are taken in the order of names, so that two transactions cannot wait for each other.
 */
export async function lockInstances(
  querier: Querier,
  process: string,
  names: readonly InstanceName[],
): Promise<LockedInstances> {
  const { rows } = await querier.query<{
    now: string;
    tenantId: string | null;
    instanceId: string;
    state: unknown;
  }>({
    text: `
      select clock_timestamp() as now, i.*
      from (values (1)) one left join lateral (
        select i.tenant_id as "tenantId", i.instance_id as "instanceId", i.state
        from (select distinct "tenantId", "instanceId"
              from json_to_recordset($2::json) as k("tenantId" text, "instanceId" text)) k
        join runtime.process_instances i
          on i.process = $1 and i.tenant_id = k."tenantId" and i.instance_id = k."instanceId"
        order by i.tenant_id, i.instance_id
        for update of i
      ) i on true`,
    values: [process, JSON.stringify(names.map(({ tenantId, instanceId }) => ({ tenantId, instanceId })))],
  });
  const states = new Map(
    rows.flatMap(({ tenantId, instanceId, state }) =>
      tenantId === null ? [] : [[instanceKey({ tenantId, instanceId }), { state }] as const],
    ),
  );
  return { states, now: String(rows[0]?.now) };
}

/** Keeps the ids of those inputs that were not taken in before; answers with them. */
export async function keepInputs(
  querier: Querier,
  process: string,
  inputIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await querier.query<{ input_id: string }>({
    name: 'keep inputs',
    text: `
      insert into runtime.process_inputs (process, input_id)
      select distinct $1, id from unnest($2::text[]) id on conflict do nothing returning input_id`,
    values: [process, inputIds],
  });
  return new Set(rows.map(({ input_id: id }) => id));
}

const writeChanges = `
  with fresh as (
    insert into runtime.process_instances (process, tenant_id, instance_id, state)
    select $1, r."tenantId", r."instanceId", coalesce(r.state, 'null')
    from json_to_recordset($2::json) as r("tenantId" text, "instanceId" text, state jsonb, fresh boolean)
    where r.fresh
    on conflict do nothing
    returning 1
  ), changed as (
    update runtime.process_instances i set state = coalesce(r.state, 'null'), updated_at = now()
    from json_to_recordset($2::json) as r("tenantId" text, "instanceId" text, state jsonb, fresh boolean)
    where not r.fresh and i.process = $1 and i.tenant_id = r."tenantId" and i.instance_id = r."instanceId"
  ), gone as (
    delete from runtime.process_instances i
    using json_to_recordset($3::json) as r("tenantId" text, "instanceId" text)
    where i.process = $1 and i.tenant_id = r."tenantId" and i.instance_id = r."instanceId"
  ), timers as (
    insert into runtime.timers (process, tenant_id, instance_id, timer, due_at, fire_at, input_id, metadata)
    select $1, r."tenantId", r."instanceId", r.timer, r."dueAt", r."dueAt", r."inputId", r.metadata
    from json_to_recordset($4::json) as r("tenantId" text, "instanceId" text, timer text, "dueAt" timestamptz,
      "inputId" text, metadata jsonb)
    on conflict (process, tenant_id, instance_id, timer) do update
      set due_at = excluded.due_at, fire_at = excluded.fire_at, input_id = excluded.input_id,
        metadata = excluded.metadata, attempts = 0, reason = null, retried_reason = null,
        first_failed_at = null, failed_at = null
  ), effects as (
    insert into runtime.effects (id, process, tenant_id, instance_id, effect, metadata, due_at)
    select r.id, $1, r."tenantId", r."instanceId", r.effect, r.metadata,
      case when exists (
        select from runtime.effects d
        where d.status = 'dead' and d.process = $1 and d.tenant_id = r."tenantId" and d.instance_id = r."instanceId")
      then runtime.behind_parked() else now() end
    from json_to_recordset($5::json) as r(id uuid, "tenantId" text, "instanceId" text, effect jsonb, metadata jsonb)
  )
  select count(*)::integer as fresh from fresh`;

const removeTimers = `
  delete from runtime.timers t
  using json_to_recordset($2::json) as r("tenantId" text, "instanceId" text, timer text)
  where t.process = $1 and t.tenant_id = r."tenantId" and t.instance_id = r."instanceId"
    and (r.timer is null or t.timer = r.timer)`;

/**
 * Writes what inputs made of instances that this transaction holds locked.
 * @throws `unavailable` (retry: now) where an instance that was missing came into being meanwhile
 */
export async function writeProcessChanges(
  querier: Querier,
  process: string,
  changes: ProcessChanges,
): Promise<void> {
  const { states, gone, removed, timers, effects } = changes;
  if (removed.length > 0) {
    await querier.query({
      text: removeTimers,
      values: [process, JSON.stringify(removed)],
    });
  }
  if (states.length + gone.length + timers.length + effects.length === 0) return;
  const { rows } = await querier.query<{ fresh: number }>({
    text: writeChanges,
    values: [process, ...[states, gone, timers, effects].map((list) => JSON.stringify(list))],
  });
  if (rows[0]?.fresh !== states.filter(({ fresh }) => fresh).length) {
    throw new DaybookError('unavailable', 'An instance came into being meanwhile.', { retry: 'now' });
  }
}

/** A timer whose time has come, taken out of its table under the lock of its instance. */
export type ClaimedTimer = InstanceName &
  Readonly<{ timer: string; dueAt: string; inputId: string; metadata: CommandDelivery }>;

/**
 * Takes due timers of a process: locks instances that nobody else works on, then removes their due timers. A timer
 * changes only under the lock of its instance, so that nobody else can take it, and one that was taken before is gone.
 * Those of an instance that has a parked timer wait behind it.
 * @param options.mostOfInstance takes the first of an instance alone, where it is 1
 */
export async function claimTimers(
  querier: Querier,
  process: string,
  { instances, mostOfInstance }: Readonly<{ instances: number; mostOfInstance?: 1 }>,
): Promise<LockedInstances & Readonly<{ timers: readonly ClaimedTimer[] }>> {
  const { rows } = await querier.query<{
    now: string;
    tenantId: string;
    instanceId: string;
    state: unknown;
  }>({
    text: `
      select clock_timestamp() as now, i.tenant_id as "tenantId", i.instance_id as "instanceId", i.state
      from runtime.process_instances i
      where i.process = $1 and (i.tenant_id, i.instance_id) in (
        select t.tenant_id, t.instance_id from runtime.timers t
        where t.process = $1 and t.fire_at <= now() and ${notBehindParked} order by t.fire_at limit $2)
      for update of i skip locked`,
    values: [process, instances],
  });
  if (rows.length === 0) return { states: new Map(), now: '', timers: [] };
  const states = new Map(rows.map(({ state, ...name }) => [instanceKey(name), { state }]));
  const taken = await querier.query<ClaimedTimer>({
    text: `
      with due as materialized (
        select t.tenant_id, t.instance_id, t.timer from json_to_recordset($2::json) as r("tenantId" text, "instanceId" text)
        cross join lateral (
          select * from runtime.timers t
          where t.process = $1 and t.tenant_id = r."tenantId" and t.instance_id = r."instanceId"
            and t.fire_at <= now() and ${notBehindParked}
          order by t.due_at, t.timer limit $3) t
      ), taken as (
        delete from runtime.timers t using due d
        where t.process = $1 and t.tenant_id = d.tenant_id and t.instance_id = d.instance_id and t.timer = d.timer
        returning t.*)
      select tenant_id as "tenantId", instance_id as "instanceId", timer, due_at as "dueAt",
        input_id as "inputId", metadata
      from taken order by due_at, timer`,
    values: [
      process,
      JSON.stringify(rows.map(({ tenantId, instanceId }) => ({ tenantId, instanceId }))),
      mostOfInstance ?? null,
    ],
  });
  return { states, now: String(rows[0]?.now), timers: taken.rows };
}

/** Of a timer `t`: no timer of its instance, itself included, is parked. */
const notBehindParked = `
  not exists (
    select from runtime.timers p
    where p.reason is not null and p.process = t.process and p.tenant_id = t.tenant_id
      and p.instance_id = t.instance_id)`;

/** Parks a timer that cannot be handled; what else its instance waits for waits behind it. False where it is not there. */
export async function parkTimer(
  querier: Querier,
  process: string,
  { tenantId, instanceId, timer, inputId }: ClaimedTimer,
  reason: string,
): Promise<boolean> {
  const { rowCount } = await querier.query(
    `update runtime.timers set attempts = attempts + 1, reason = $6, fire_at = runtime.behind_parked(),
       first_failed_at = coalesce(first_failed_at, clock_timestamp()), failed_at = clock_timestamp()
     where process = $1 and tenant_id = $2 and instance_id = $3 and timer = $4 and input_id = $5`,
    [process, tenantId, instanceId, timer, inputId, reason.replaceAll('\0', '')],
  );
  return rowCount === 1;
}

/** A timer that is parked: named by its input id, and by when it failed. */
export type ParkedTimer = Readonly<{ inputId: string; failedAt: string }>;

const thisParkedTimer = `input_id = $1 and reason is not null and date_trunc('milliseconds', failed_at) = $2`;

/** Lets a parked timer fire again, before the others of its instance; false where it is not parked, or failed at another time. */
export async function reviveTimer(querier: Querier, { inputId, failedAt }: ParkedTimer): Promise<boolean> {
  const { rowCount } = await querier.query(
    `update runtime.timers set retried_reason = reason, reason = null, fire_at = due_at
     where ${thisParkedTimer}`,
    [inputId, failedAt],
  );
  return rowCount === 1;
}

/** Removes a parked timer: it never fires. False where it is not parked, or failed at another time. */
export async function skipTimer(querier: Querier, { inputId, failedAt }: ParkedTimer): Promise<boolean> {
  const { rowCount } = await querier.query(`delete from runtime.timers where ${thisParkedTimer}`, [
    inputId,
    failedAt,
  ]);
  return rowCount === 1;
}

/** Milliseconds until the next timer of some processes is due, by the database's clock; null for no timer. */
export async function untilNextTimer(querier: Querier, processes: readonly string[]): Promise<number | null> {
  const { rows } = await querier.query<{ ms: number | null }>({
    text: `
      select extract(epoch from t.fire_at - clock_timestamp())::double precision * 1000 as ms
      from runtime.timers t where t.process = any($1) and ${notBehindParked} order by t.fire_at limit 1`,
    values: [processes],
  });
  return rows[0]?.ms ?? null;
}

/** Forgets input ids older than a window; answers with how many. */
export function forgetInputs(querier: Querier, olderThanMs: number, signal?: AbortSignal): Promise<number> {
  const where = 'seen_at < now() - make_interval(secs => $1)';
  return removeRows(
    querier,
    { table: 'runtime.process_inputs', where, values: [olderThanMs / 1_000] },
    signal,
  );
}
