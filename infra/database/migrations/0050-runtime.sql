-- Read models, process states, timers and the outbox of effects. All of it is derived: the event store can rebuild it.

create schema if not exists runtime;
create schema if not exists read;

-- The role that queries run as. Row-level security binds it; the owner of the tables, who writes them, it does not.
do $$
begin
  if not exists (select from pg_roles where rolname = 'daybook_query') then
    create role daybook_query nologin;
  end if;
exception
  -- Roles belong to the whole server: another installation on it may create it at the same time.
  when duplicate_object or unique_violation then null;
end
$$;

do $$
begin
  if not pg_has_role(current_user, 'daybook_query', 'set') then
    execute format('grant daybook_query to %I with set true', current_user);
  end if;
end
$$;

grant usage on schema read to daybook_query;

-- How far a consumer of the events topic is in a partition: everything at or below `position` is in its tables, which
-- are written in the same transaction. `moves` counts the commits and fences: a writer must know the present count.
create table runtime.checkpoints (
  consumer  text        not null,
  version   integer     not null,
  partition integer     not null,
  position  text        not null collate "C",
  moves     bigint      not null default 0,
  moved_at  timestamptz not null default now(),
  primary key (consumer, version, partition)
) with (fillfactor = 50);

-- A tenant whose message was parked has a position of its own, behind the partition's, until the message is released.
create table runtime.holds (
  consumer  text        not null,
  version   integer     not null,
  tenant_id text        not null,
  partition integer     not null,
  position  text        not null collate "C",
  reason    text        not null,
  held_at   timestamptz not null default now(),
  primary key (consumer, version, tenant_id)
);

-- The version of each projection that its view shows.
create table runtime.read_models (
  projection  text        primary key,
  version     integer     not null,
  switched_at timestamptz not null default now()
);

create table runtime.process_instances (
  process     text        not null,
  tenant_id   text        not null,
  instance_id text        not null,
  state       jsonb       not null,
  updated_at  timestamptz not null default now(),
  primary key (process, tenant_id, instance_id)
);

-- Ids of messages from topics whose order is not the store's, kept for a window.
create table runtime.process_inputs (
  process  text        not null,
  input_id text        not null,
  seen_at  timestamptz not null default now(),
  primary key (process, input_id)
);
create index process_inputs_by_age on runtime.process_inputs (seen_at);

-- A timer changes only under the lock of its instance's row, and every timer has one.
create table runtime.timers (
  process     text        not null,
  tenant_id   text        not null,
  instance_id text        not null,
  timer       text        not null,
  due_at      timestamptz not null,
  -- When it is tried: the time it is due, or later where it could not be handled then.
  fire_at     timestamptz not null,
  input_id    text        not null,
  metadata    jsonb       not null,
  primary key (process, tenant_id, instance_id, timer)
);
create index timers_by_fire_time on runtime.timers (fire_at);

-- Effects that processes want done, in order of `seq` within an instance. What is done is deleted; what a command
-- refused (`rejected`) or was given up (`dead`) stays with its reason.
create table runtime.effects (
  seq          bigint      generated always as identity primary key,
  id           uuid        not null,
  process      text        not null,
  tenant_id    text        not null,
  instance_id  text        not null,
  effect       jsonb       not null,
  metadata     jsonb       not null,
  status       text        not null default 'pending' check (status in ('pending', 'rejected', 'dead')),
  attempts     integer     not null default 0,
  due_at       timestamptz not null default now(),
  lease        uuid,
  leased_until timestamptz,
  reason       text,
  created_at   timestamptz not null default now(),
  closed_at    timestamptz
) with (autovacuum_vacuum_scale_factor = 0.05);
create index effects_waiting on runtime.effects (process, tenant_id, instance_id, seq) where status = 'pending';
create index effects_due on runtime.effects (due_at, seq) where status = 'pending';
create index effects_closed on runtime.effects (closed_at) where status <> 'pending';

-- Leases effects for a time: those of instances whose first waiting effect is due and free, each with up to
-- `most_of_instance` effects in all. Of one instance nobody else has any, so that its order is in one hand.
-- The settings leave the planner one way: along the index by due time, ending once enough is found. Left to itself it
-- sorts all that waits, as statistics of a queue are always of another hour.
create function runtime.lease_effects(
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
