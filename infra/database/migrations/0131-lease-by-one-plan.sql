-- As before, in words that leave the planner no choice. A queue is empty when its statistics are taken and its plans are
-- made, and where the planner counts one row, every index costs the same: it then looked for the earlier effects of an
-- instance along the whole queue. With 20,000 effects waiting a lease took 20 s; it now takes 20 ms, whatever the
-- statistics say.
--   - Heads: `effects_due` alone gives the order, and sorting is off. `offset 0` keeps the search for earlier effects from
--     becoming a join.
--   - Effects of an instance: `effects_of_instance` alone has a column that is compared. `status in (…)` implies no partial
--     index, and `seq + 0` is no column of the primary key.
--   - The update: by place, which needs no index.
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
          and e.status in ('pending', 'dead') and e.seq + 0 < o.seq offset 0)
    order by o.due_at, o.seq limit instances
    for update of o skip locked
  ), chosen as (
    select f.place from heads h cross join lateral (
      select e.ctid as place from runtime.effects e
      where e.process = h.process and e.tenant_id = h.tenant_id and e.instance_id = h.instance_id
        and e.status in ('pending', '') and e.seq + 0 >= h.seq
      order by e.seq + 0 limit most_of_instance) f
  )
  update runtime.effects o
  set lease = new_lease, leased_until = clock_timestamp() + make_interval(secs => lease_ms / 1000)
  from chosen c where o.ctid = c.place
  returning o.*
$$;

-- Its work is done by effects_of_instance.
drop index runtime.effects_waiting;
