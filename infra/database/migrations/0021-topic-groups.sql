-- Consumer groups: who holds which partition, progress, dead letters, retention.

-- A member's sign of life, and its share of the partitions. Members of one group take turns here by the group's row.
-- `p_first` says that the member has just started: a former incarnation of the same instance is then dead for certain.
-- Answers with the partitions it holds, and with one row of nulls beside its share where it holds none.
create function topics.synchronise(
  p_topic integer, p_group text, p_member uuid, p_instance text, p_first boolean, p_lease_ms integer
) returns table (
  share integer, partition integer, epoch bigint, next_offset bigint, attempts integer, tried_to bigint,
  wait_ms double precision
)
language plpgsql
set search_path = pg_catalog
set lock_timeout = '10s'
set enable_seqscan = off
as $$
declare
  present integer;
  rank integer;
  total integer;
  mine integer;
begin
  -- A crash of the server may take the last moments' leases back: their members then renew them, or are fenced.
  perform set_config('synchronous_commit', 'off', true);

  insert into topics.groups (topic_id, group_name) values (p_topic, p_group) on conflict do nothing;
  perform from topics.groups g where g.topic_id = p_topic and g.group_name = p_group for no key update;
  if p_first then
    insert into topics.cursors (topic_id, group_name, partition)
    select p_topic, p_group, p.partition from topics.partitions p where p.topic_id = p_topic
    on conflict do nothing;
  end if;
  update topics.groups g set seen_at = clock_timestamp()
    where g.topic_id = p_topic and g.group_name = p_group and g.seen_at < clock_timestamp() - interval '1 minute';

  insert into topics.members as m (topic_id, group_name, member, instance, expires_at)
  values (p_topic, p_group, p_member, p_instance, clock_timestamp() + p_lease_ms * interval '1 ms')
  on conflict (topic_id, group_name, member) do update set expires_at = excluded.expires_at;

  if exists (
    select from topics.members m
     where m.topic_id = p_topic and m.group_name = p_group and m.member <> p_member
       and (m.expires_at <= clock_timestamp() or (p_first and m.instance = p_instance))
  ) then
    -- What a dead member may have had in hand counts as delivered once.
    perform from topics.cursors c where c.topic_id = p_topic and c.group_name = p_group
      order by c.partition for no key update;
    with gone as (
      delete from topics.members m
       where m.topic_id = p_topic and m.group_name = p_group and m.member <> p_member
         and (m.expires_at <= clock_timestamp() or (p_first and m.instance = p_instance))
      returning m.member
    )
    update topics.cursors c
       set owner = null,
           attempts = case when p.end_offset > c.next_offset then c.attempts + 1 else c.attempts end,
           tried_to = case when p.end_offset > c.next_offset then greatest(c.tried_to, c.next_offset + 1) else c.tried_to end
      from gone, topics.partitions p
     where c.topic_id = p_topic and c.group_name = p_group and c.owner = gone.member
       and p.topic_id = p_topic and p.partition = c.partition;
  end if;

  select count(*), count(*) filter (where (m.joined_at, m.member) < (me.joined_at, me.member))
    into present, rank
    from topics.members m, topics.members me
   where m.topic_id = p_topic and m.group_name = p_group
     and me.topic_id = p_topic and me.group_name = p_group and me.member = p_member;
  select count(*), count(*) filter (where c.owner = p_member) into total, mine
    from topics.cursors c where c.topic_id = p_topic and c.group_name = p_group;
  share := total / present + (case when rank < total % present then 1 else 0 end);

  if mine < share then
    update topics.cursors c set owner = p_member, epoch = c.epoch + 1
     where c.topic_id = p_topic and c.group_name = p_group and c.partition in (
       select f.partition from topics.cursors f
        where f.topic_id = p_topic and f.group_name = p_group and f.owner is null
        order by f.partition limit share - mine
     );
  end if;

  return query
    select share, c.partition, c.epoch, c.next_offset, c.attempts, c.tried_to,
           greatest(0, coalesce(extract(epoch from c.not_before - clock_timestamp()) * 1000, 0))::double precision
      from topics.cursors c
     where c.topic_id = p_topic and c.group_name = p_group and c.owner = p_member
     order by c.partition;
end
$$;

-- Hands back what a member holds of a group, all of it or one partition. Others claim it at their next turn.
create function topics.give_up(p_topic integer, p_group text, p_member uuid, p_partition integer, p_epoch bigint)
returns void
language plpgsql
set search_path = pg_catalog
as $$
begin
  perform from topics.groups g where g.topic_id = p_topic and g.group_name = p_group for no key update;
  update topics.cursors c set owner = null
   where c.topic_id = p_topic and c.group_name = p_group and c.owner = p_member
     and (p_partition is null or (c.partition = p_partition and c.epoch = p_epoch));
  if p_partition is null then
    delete from topics.members m where m.topic_id = p_topic and m.group_name = p_group and m.member = p_member;
  end if;
end
$$;

-- Records progress in several partitions; answers with those whose claim holds. Not flushed: after a crash of the server
-- the last batches come again, as they may at any time.
create function topics.commit(
  p_topic integer, p_group text, p_member uuid, p_partitions integer[], p_epochs bigint[], p_nexts bigint[]
) returns integer[]
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  accepted integer[];
begin
  perform set_config('synchronous_commit', 'off', true);
  perform from topics.cursors c
    where c.topic_id = p_topic and c.group_name = p_group and c.partition = any (p_partitions) and c.owner = p_member
    order by c.partition for no key update;
  with moved as (
    update topics.cursors c set next_offset = m.next, attempts = 0, tried_to = 0, not_before = null
      from unnest(p_partitions, p_epochs, p_nexts) m (partition, epoch, next)
     where c.topic_id = p_topic and c.group_name = p_group and c.partition = m.partition
       and c.owner = p_member and c.epoch = m.epoch
    returning c.partition
  )
  select coalesce(array_agg(moved.partition), '{}') into accepted from moved;
  return accepted;
end
$$;

-- Progress that sets messages aside: the one that is parked, if any, and those that wait because their key is blocked.
-- False where the claim is lost.
create function topics.settle(
  p_topic integer, p_group text, p_member uuid, p_partition integer, p_epoch bigint, p_next bigint,
  p_waiting bigint[], p_waiting_reason text, p_parked bigint, p_attempt integer, p_reason text
) returns boolean
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
as $$
begin
  -- The lock on the cursor's row also keeps topics.release out, which decides by the same letters.
  update topics.cursors c set next_offset = p_next, attempts = 0, tried_to = 0, not_before = null
   where c.topic_id = p_topic and c.group_name = p_group and c.partition = p_partition
     and c.owner = p_member and c.epoch = p_epoch;
  if not found then
    return false;
  end if;
  insert into topics.dead_letters
    (topic_id, group_name, partition, "offset", published_at, key, headers, value, attempt, reason)
  select m.topic_id, p_group, m.partition, m."offset", m.published_at, m.key, m.headers, m.value, p_attempt, p_reason
    from topics.messages m
   where m.topic_id = p_topic and m.partition = p_partition and m."offset" = p_parked
  on conflict do nothing;
  -- Where the key's letters were released meanwhile, what waits is released with them.
  insert into topics.dead_letters
    (topic_id, group_name, partition, "offset", published_at, key, headers, value, attempt, reason, released)
  select m.topic_id, p_group, m.partition, m."offset", m.published_at, m.key, m.headers, m.value, 0, p_waiting_reason,
         not exists (
           select from topics.dead_letters d
            where d.topic_id = p_topic and d.group_name = p_group and d.key = m.key and not d.released)
    from topics.messages m
   where m.topic_id = p_topic and m.partition = p_partition and m."offset" = any (p_waiting)
   order by m."offset"
  on conflict do nothing;
  return true;
end
$$;

-- Progress among released letters: removes those handled; one that is parked again takes the rest of its key with it.
-- Answers with those of `p_keys` that have no letter any more; null where the claim is lost.
create function topics.settle_letters(
  p_topic integer, p_group text, p_member uuid, p_partition integer, p_epoch bigint,
  p_handled bigint[], p_keys text[], p_parked bigint, p_attempt integer, p_reason text
) returns text[]
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
as $$
begin
  perform from topics.cursors c
    where c.topic_id = p_topic and c.group_name = p_group and c.partition = p_partition
      and c.owner = p_member and c.epoch = p_epoch for no key update;
  if not found then
    return null;
  end if;
  delete from topics.dead_letters d where d.letter_id = any (p_handled);
  if p_parked is not null then
    update topics.dead_letters d
       set attempt = p_attempt, reason = p_reason, parked_at = clock_timestamp(), released = false
     where d.letter_id = p_parked;
    update topics.dead_letters d set released = false
      from topics.dead_letters parked
     where parked.letter_id = p_parked and d.topic_id = p_topic and d.group_name = p_group and d.key = parked.key;
  end if;
  return (
    select coalesce(array_agg(k.key), '{}') from unnest(p_keys) k (key)
     where not exists (
       select from topics.dead_letters d
        where d.topic_id = p_topic and d.group_name = p_group and d.key = k.key collate "C")
  );
end
$$;

-- Records that a batch comes again after a pause. False where the claim is lost.
create function topics.defer(
  p_topic integer, p_group text, p_member uuid, p_partition integer, p_epoch bigint,
  p_attempts integer, p_tried_to bigint, p_letters bigint[], p_after_ms double precision
) returns boolean
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
as $$
begin
  update topics.cursors c
     set attempts = p_attempts, tried_to = p_tried_to, not_before = clock_timestamp() + p_after_ms * interval '1 ms'
   where c.topic_id = p_topic and c.group_name = p_group and c.partition = p_partition
     and c.owner = p_member and c.epoch = p_epoch;
  if not found then
    return false;
  end if;
  update topics.dead_letters d set attempt = d.attempt + 1 where d.letter_id = any (p_letters);
  return true;
end
$$;

-- Hands a letter's key back to its group, whole. Answers with the topic's name; null where there is no such letter.
create function topics.release(p_letter bigint) returns text
language plpgsql
set search_path = pg_catalog
as $$
declare
  letter topics.dead_letters;
begin
  select * into letter from topics.dead_letters d where d.letter_id = p_letter;
  if not found then
    return null;
  end if;
  perform from topics.cursors c
    where c.topic_id = letter.topic_id and c.group_name = letter.group_name and c.partition = letter.partition
      for no key update;
  update topics.dead_letters d set released = true
   where d.topic_id = letter.topic_id and d.group_name = letter.group_name and d.key = letter.key and not d.released;
  return (select t.name from topics.topics t where t.topic_id = letter.topic_id);
end
$$;

-- Removes at most `p_limit` messages of each partition that are older than the topic's retention and that every group
-- has handled. A group whose last member left longer than `p_forgotten_ms` ago is not waited for. Dead letters are
-- copies and stay. Answers with how many were removed.
create function topics.remove_expired(p_topic integer, p_limit integer, p_forgotten_ms bigint) returns integer
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
as $$
declare
  cutoff timestamptz;
  place record;
  removed integer := 0;
  count integer;
begin
  select clock_timestamp() - t.retention_ms * interval '1 ms' into cutoff
    from topics.topics t where t.topic_id = p_topic and t.retention_ms is not null;
  -- One process at a time is enough.
  if cutoff is null or not pg_try_advisory_xact_lock(hashtextextended('daybook topics retention', p_topic)) then
    return 0;
  end if;
  for place in
    select p.partition, coalesce((
             select min(c.next_offset) from topics.cursors c
               join topics.groups g on g.topic_id = c.topic_id and g.group_name = c.group_name
              where c.topic_id = p_topic and c.partition = p.partition
                and g.seen_at > clock_timestamp() - p_forgotten_ms * interval '1 ms'
           ), p.end_offset) as handled
      from topics.partitions p where p.topic_id = p_topic order by p.partition
  loop
    with oldest as (
      select m."offset", m.published_at from topics.messages m
       where m.topic_id = p_topic and m.partition = place.partition and m."offset" < place.handled
       order by m."offset" limit p_limit
    )
    delete from topics.messages m
     where m.topic_id = p_topic and m.partition = place.partition
       and m."offset" <= (select max(o."offset") from oldest o where o.published_at < cutoff);
    get diagnostics count = row_count;
    removed := removed + count;
  end loop;
  return removed;
end
$$;
