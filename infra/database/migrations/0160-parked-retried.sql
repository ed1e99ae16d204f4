-- What was parked and is retried is shown as on its way until it is done or parked again: effects and timers as messages
-- have been all along. What waits behind something parked is counted up to a bound. Processes that run the code of before
-- go on working; what they retry is not shown meanwhile, as before.

set local lock_timeout = '10s';

alter table runtime.effects
  -- When it was given up last, of one that is retried; null for one that never was.
  add column last_parked_at timestamptz,
  -- Attempts before it was retried last; `attempts` counts anew from there.
  add column earlier_attempts integer not null default 0;

-- Why it was parked last, of a timer that is retried.
alter table runtime.timers add column retried_reason text;

-- Hold those alone that are retried and not done.
create index effects_retried on runtime.effects (process, tenant_id, instance_id, seq)
  where status = 'pending' and last_parked_at is not null;
create index timers_retried on runtime.timers (process, tenant_id, instance_id) where retried_reason is not null;

-- `waiting` stops at 1001, which says that there are more than a thousand: a page of the list costs the same however many
-- wait.
create or replace view runtime.parked as
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
    (select count(*) from (
      select from topics.dead_letters w
       where w.topic_id = d.topic_id and w.group_name = d.group_name and left(w.key, 100) = left(d.key, 100)
         and w.key = d.key and w.letter_id <> d.letter_id limit 1001) counted) as waiting
  from topics.dead_letters d join topics.topics t using (topic_id)
  where d.parked
union all
  select 'effect-' || o.seq, 'effect', o.process, o.tenant_id,
    case when o.status = 'dead' then 'parked' else 'retrying' end,
    o.effect ->> 'topic', null, null, o.instance_id,
    concat_ws(' ', o.effect ->> 'kind', coalesce(o.effect -> 'call' ->> 'command', o.effect -> 'message' ->> 'type', o.effect ->> 'effect')),
    o.metadata ->> 'causationId', null, null, null, null,
    o.reason, o.earlier_attempts + o.attempts,
    date_trunc('milliseconds', coalesce(o.first_failed_at, o.closed_at, o.last_parked_at)),
    date_trunc('milliseconds', coalesce(o.closed_at, o.last_parked_at)),
    (select count(*) from (
      select from runtime.effects w
       where w.process = o.process and w.tenant_id = o.tenant_id and w.instance_id = o.instance_id
         and w.status = 'pending' and w.seq > o.seq limit 1001) counted)
  from (select * from runtime.effects where status = 'dead'
        union all
        select * from runtime.effects where status = 'pending' and last_parked_at is not null) o
union all
  select 'timer-' || m.input_id, 'timer', m.process, m.tenant_id,
    case when m.reason is not null then 'parked' else 'retrying' end,
    null, null, null, m.instance_id, m.timer,
    m.metadata ->> 'causationId', null, null, null, null,
    coalesce(m.reason, m.retried_reason), m.attempts,
    date_trunc('milliseconds', m.first_failed_at), date_trunc('milliseconds', m.failed_at),
    (select count(*) from (
      select from runtime.timers w
       where w.process = m.process and w.tenant_id = m.tenant_id and w.instance_id = m.instance_id
         and w.timer <> m.timer and w.fire_at <= now() limit 1001) counted)
  from (select * from runtime.timers where reason is not null
        union all
        select * from runtime.timers where reason is null and retried_reason is not null) m
union all
  select 'relay-' || r.blocked_position, 'relay', 'relay ' || r.name, coalesce(r.blocked_event ->> 'tenantId', ''), 'parked',
    null, null, null, r.blocked_event ->> 'tenantId', r.blocked_event ->> 'type',
    r.blocked_event ->> 'id', r.blocked_event ->> 'type', r.blocked_event ->> 'stream',
    (r.blocked_event ->> 'revision')::integer, r.blocked_position,
    r.blocked_reason, r.blocked_attempts, r.blocked_first_at, r.blocked_at, null
  from topics.relays r where r.blocked_position > r.position;
