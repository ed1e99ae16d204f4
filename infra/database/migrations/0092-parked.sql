-- Everything that is parked, as one list: messages of consumer groups, effects and timers of processes, an event that the
-- relay cannot publish. The list is a view: what is parked stands where it is worked on, and nothing has to agree twice.

set local lock_timeout = '10s';

-- The event before which the relay stands, and why.
alter table topics.relays
  add column blocked_position text collate "C",
  add column blocked_reason text,
  -- Id, type, stream, revision and tenant of the event, as far as they can be told.
  add column blocked_event json,
  add column blocked_attempts integer not null default 0,
  add column blocked_first_at timestamptz(3),
  add column blocked_at timestamptz(3);

-- A header of a message; null where there is none, or where it cannot be shown: what is parked may be malformed.
create function topics.header_of(headers json, name text) returns text
language plpgsql immutable
set search_path = pg_catalog
as $$
begin
  return headers ->> name;
exception
  when others then return null;
end
$$;

create view runtime.parked as
  select 'message-' || d.letter_id as parked_id, 'message' as kind, d.group_name as consumer,
    coalesce(topics.header_of(d.headers, 'ce_tenantid'), d.key) as tenant_id,
    case when d.released then 'retrying' else 'parked' end as status,
    t.name as topic, d.partition, case when d."offset" >= 0 then d."offset" end as "offset", d.key,
    topics.header_of(d.headers, 'ce_type') as about,
    topics.header_of(d.headers, 'ce_id') as event_id, topics.header_of(d.headers, 'ce_type') as event_type,
    topics.header_of(d.headers, 'ce_subject') as stream,
    case when topics.header_of(d.headers, 'ce_revision') ~ '^\d{1,9}$'
      then topics.header_of(d.headers, 'ce_revision')::integer end as revision,
    topics.header_of(d.headers, 'ce_position') as position,
    d.reason as failure, d.attempt as attempts,
    d.first_parked_at as first_failed_at, d.parked_at as failed_at,
    (select count(*) from topics.dead_letters w
      where w.topic_id = d.topic_id and w.group_name = d.group_name and left(w.key, 100) = left(d.key, 100)
        and w.key = d.key and w.letter_id <> d.letter_id) as waiting
  from topics.dead_letters d join topics.topics t using (topic_id)
  where d.parked
union all
  select 'effect-' || o.seq, 'effect', o.process, o.tenant_id, 'parked',
    o.effect ->> 'topic', null, null, o.instance_id,
    concat_ws(' ', o.effect ->> 'kind', coalesce(o.effect -> 'call' ->> 'command', o.effect -> 'message' ->> 'type', o.effect ->> 'effect')),
    o.metadata ->> 'causationId', null, null, null, null,
    o.reason, o.attempts,
    date_trunc('milliseconds', coalesce(o.first_failed_at, o.closed_at)), date_trunc('milliseconds', o.closed_at),
    (select count(*) from runtime.effects w
      where w.process = o.process and w.tenant_id = o.tenant_id and w.instance_id = o.instance_id
        and w.status = 'pending' and w.seq > o.seq)
  from runtime.effects o where o.status = 'dead'
union all
  select 'timer-' || m.input_id, 'timer', m.process, m.tenant_id, 'parked',
    null, null, null, m.instance_id, m.timer,
    m.metadata ->> 'causationId', null, null, null, null,
    m.reason, m.attempts,
    date_trunc('milliseconds', m.first_failed_at), date_trunc('milliseconds', m.failed_at),
    (select count(*) from runtime.timers w
      where w.process = m.process and w.tenant_id = m.tenant_id and w.instance_id = m.instance_id
        and w.timer <> m.timer and w.fire_at <= now())
  from runtime.timers m where m.reason is not null
union all
  select 'relay-' || r.blocked_position, 'relay', 'relay ' || r.name, coalesce(r.blocked_event ->> 'tenantId', ''), 'parked',
    null, null, null, r.blocked_event ->> 'tenantId', r.blocked_event ->> 'type',
    r.blocked_event ->> 'id', r.blocked_event ->> 'type', r.blocked_event ->> 'stream',
    (r.blocked_event ->> 'revision')::integer, r.blocked_position,
    r.blocked_reason, r.blocked_attempts, r.blocked_first_at, r.blocked_at, null
  from topics.relays r where r.blocked_position > r.position;

-- What tenants may see of it. A schema of its own: `read` holds what can be folded anew from the log.
create schema operations;
grant usage on schema operations to daybook_query;

create view operations.parked with (security_barrier) as
  select * from runtime.parked where tenant_id = current_setting('app.tenant', true);
grant select on operations.parked to daybook_query;
