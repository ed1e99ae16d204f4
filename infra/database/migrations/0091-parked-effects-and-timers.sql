-- Effects that were given up and timers that cannot be handled are parked: what follows in their instance waits behind.
-- Processes that run the code of before go on working.

set local lock_timeout = '10s';

alter table runtime.effects add column first_failed_at timestamptz;

-- Holds the parked ones alone.
create index effects_parked on runtime.effects (process, tenant_id, instance_id, seq) where status = 'dead';

alter table runtime.timers
  add column attempts integer not null default 0,
  -- Why it is parked; null for a timer that is not.
  add column reason text,
  add column first_failed_at timestamptz,
  add column failed_at timestamptz;

create index timers_parked on runtime.timers (process, tenant_id, instance_id) where reason is not null;
create index timers_input on runtime.timers (input_id);

-- As before, and nothing of an instance is leased behind an effect of it that is parked. What is known to wait behind one
-- has a due time that never comes, so that it costs the search nothing.
create or replace function runtime.lease_effects(
  processes text[], instances integer, most_of_instance integer, new_lease uuid, lease_ms double precision)
returns setof runtime.effects
language sql
set enable_seqscan to off
set enable_bitmapscan to off
set enable_sort to off
set enable_hashjoin to off
set enable_mergejoin to off
as $$
  with heads as materialized (
    select o.process, o.tenant_id, o.instance_id, o.seq from runtime.effects o
    where o.status = 'pending' and o.due_at <= now() and o.process || '' = any(processes)
      and (o.leased_until is null or o.leased_until < now())
      and not exists (
        select from runtime.effects e
        where e.process = o.process and e.tenant_id = o.tenant_id and e.instance_id = o.instance_id
          and e.status = 'pending' and e.seq < o.seq)
      and not exists (
        select from runtime.effects d
        where d.process = o.process and d.tenant_id = o.tenant_id and d.instance_id = o.instance_id
          and d.status = 'dead' and d.seq < o.seq)
    order by o.due_at, o.seq limit instances
    for update of o skip locked
  ), chosen as (
    select f.seq from heads h cross join lateral (
      select e.seq from runtime.effects e
      where e.process = h.process and e.tenant_id = h.tenant_id and e.instance_id = h.instance_id
        and e.status = 'pending' and e.seq >= h.seq
      order by e.seq limit most_of_instance) f
  )
  update runtime.effects o
  set lease = new_lease, leased_until = clock_timestamp() + make_interval(secs => lease_ms / 1000)
  from chosen c where o.seq = c.seq and o.status = 'pending'
  returning o.*
$$;

-- When what waits behind something parked is due: not before that is retried or skipped.
create function runtime.behind_parked() returns timestamptz
language sql immutable
as $$ select '9999-12-31T00:00:00Z'::timestamptz $$;

-- What was given up before this migration lets what waited behind it go on waiting: from here on it is parked.
update runtime.effects o set due_at = runtime.behind_parked()
 where o.status = 'pending' and exists (
   select from runtime.effects d
    where d.process = o.process and d.tenant_id = o.tenant_id and d.instance_id = o.instance_id
      and d.status = 'dead' and d.seq < o.seq);
