-- Parked messages: which letter of a key is the one that could not be handled, releasing in bounded windows, skipping,
-- and setting messages aside that did not come by the topic. Members that run the code of before go on working: the
-- functions they call keep their names and parameters.

set local lock_timeout = '10s';

alter table topics.dead_letters
  -- The one that could not be handled; all other letters of its key wait behind it.
  add column parked boolean not null default false,
  -- When it was parked first; `parked_at` is when it was parked last.
  add column first_parked_at timestamptz(3),
  -- Of a message set aside that did not come by the topic: makes setting it aside idempotent.
  add column message_id text collate "C";

update topics.dead_letters d set parked = true, first_parked_at = d.parked_at
  from (select distinct on (topic_id, group_name, key) letter_id from topics.dead_letters
         where not released order by topic_id, group_name, key, "offset") head
 where d.letter_id = head.letter_id;

-- Holds one row a blocked key, however many letters wait.
create index dead_letters_parked on topics.dead_letters (topic_id, group_name) where parked;

-- The letters of a key in order. Keys may be longer than a B-tree takes.
create index dead_letters_of_key on topics.dead_letters (topic_id, group_name, left(key, 100), "offset");
drop index topics.dead_letters_key;

create unique index dead_letters_message on topics.dead_letters (topic_id, group_name, message_id)
  where message_id is not null;

-- Of keys that nothing parked blocks, lets the next letters go, so many that about a thousand a key are on their way:
-- a release costs the same whatever waits.
create function topics.let_go(p_topic integer, p_group text, p_keys text[]) returns void
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
as $$
declare
  window_size constant integer := 1000;
  this_key text;
  under_way integer;
begin
  for this_key in select distinct k.key from unnest(p_keys) k (key) loop
    continue when exists (
      select from topics.dead_letters d
       where d.topic_id = p_topic and d.group_name = p_group and d.parked and not d.released
         and d.key = this_key collate "C");
    select count(*) into under_way from (
      select from topics.dead_letters d
       where d.topic_id = p_topic and d.group_name = p_group and left(d.key, 100) = left(this_key, 100) collate "C"
         and d.key = this_key collate "C" and d.released limit window_size) r;
    continue when under_way > window_size / 2;
    update topics.dead_letters d set released = true
     where d.letter_id in (
       select w.letter_id from topics.dead_letters w
        where w.topic_id = p_topic and w.group_name = p_group and left(w.key, 100) = left(this_key, 100) collate "C"
          and w.key = this_key collate "C" and not w.released
        order by w."offset" limit window_size - under_way);
  end loop;
end
$$;

create or replace function topics.settle(
  p_topic integer, p_group text, p_member uuid, p_partition integer, p_epoch bigint, p_next bigint,
  p_waiting bigint[], p_waiting_reason text, p_parked bigint, p_attempt integer, p_reason text
) returns boolean
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
as $$
declare
  at timestamptz(3) := clock_timestamp();
  keys text[];
begin
  -- The lock on the cursor's row also keeps topics.release out, which decides by the same letters.
  update topics.cursors c set next_offset = p_next, attempts = 0, tried_to = 0, not_before = null
   where c.topic_id = p_topic and c.group_name = p_group and c.partition = p_partition
     and c.owner = p_member and c.epoch = p_epoch;
  if not found then
    return false;
  end if;
  insert into topics.dead_letters
    (topic_id, group_name, partition, "offset", published_at, key, headers, value, attempt, reason,
     parked, parked_at, first_parked_at)
  select m.topic_id, p_group, m.partition, m."offset", m.published_at, m.key, m.headers, m.value, p_attempt, p_reason,
         true, at, at
    from topics.messages m
   where m.topic_id = p_topic and m.partition = p_partition and m."offset" = p_parked
  on conflict do nothing;
  with waiting as (
    insert into topics.dead_letters
      (topic_id, group_name, partition, "offset", published_at, key, headers, value, attempt, reason)
    select m.topic_id, p_group, m.partition, m."offset", m.published_at, m.key, m.headers, m.value, 0, p_waiting_reason
      from topics.messages m
     where m.topic_id = p_topic and m.partition = p_partition and m."offset" = any (p_waiting)
     order by m."offset"
    on conflict do nothing
    returning key
  )
  select array_agg(distinct w.key) into keys from waiting w;
  -- Where a key was released meanwhile, what waits goes with it.
  perform topics.let_go(p_topic, p_group, keys);
  return true;
end
$$;

create or replace function topics.settle_letters(
  p_topic integer, p_group text, p_member uuid, p_partition integer, p_epoch bigint,
  p_handled bigint[], p_keys text[], p_parked bigint, p_attempt integer, p_reason text
) returns text[]
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
as $$
declare
  at timestamptz(3) := clock_timestamp();
  parked_key text;
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
       set attempt = p_attempt, reason = p_reason, parked_at = at, released = false, parked = true,
           first_parked_at = coalesce(d.first_parked_at, at)
     where d.letter_id = p_parked
    returning d.key into parked_key;
    update topics.dead_letters d set released = false
     where d.topic_id = p_topic and d.group_name = p_group and d.released
       and left(d.key, 100) = left(parked_key, 100) collate "C" and d.key = parked_key collate "C";
  end if;
  perform topics.let_go(p_topic, p_group, p_keys);
  return (
    select coalesce(array_agg(k.key), '{}') from unnest(p_keys) k (key)
     where not exists (
       select from topics.dead_letters d
        where d.topic_id = p_topic and d.group_name = p_group and left(d.key, 100) = left(k.key, 100) collate "C"
          and d.key = k.key collate "C")
  );
end
$$;

create or replace function topics.release(p_letter bigint) returns text
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
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
   where d.topic_id = letter.topic_id and d.group_name = letter.group_name and d.parked and not d.released
     and d.key = letter.key;
  perform topics.let_go(letter.topic_id, letter.group_name, array[letter.key]);
  return (select t.name from topics.topics t where t.topic_id = letter.topic_id);
end
$$;

-- Removes a parked letter for good and lets go what waits behind it. Answers with the topic's name; null, and nothing is
-- changed, for a letter that is not parked, or whose release is under way.
create function topics.skip(p_letter bigint) returns text
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
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
  delete from topics.dead_letters d where d.letter_id = p_letter and d.parked and not d.released;
  if not found then
    return null;
  end if;
  perform topics.let_go(letter.topic_id, letter.group_name, array[letter.key]);
  return (select t.name from topics.topics t where t.topic_id = letter.topic_id);
end
$$;

-- Sets messages aside that did not come by the topic: the first of a key that has no letters is parked, everything else
-- waits behind. They stand before all that the topic brings, in the order in which they were set aside; offsets below
-- zero say so. A message id that is set aside already is passed over. The lists have one element a message.
create function topics.set_aside(
  p_topic integer, p_group text, p_partitions integer[], p_ids text[], p_keys text[], p_headers json[], p_values bytea[],
  p_reasons text[], p_waiting_reason text
) returns void
language plpgsql
set search_path = pg_catalog
set enable_seqscan = off
as $$
declare
  at timestamptz(3) := clock_timestamp();
  before_all constant bigint := -(2::bigint ^ 52)::bigint;
  message record;
  is_first boolean;
begin
  insert into topics.groups (topic_id, group_name) values (p_topic, p_group) on conflict do nothing;
  -- Those who release or skip take turns with this by the cursors' rows, those who set aside by the group's.
  perform from topics.groups g where g.topic_id = p_topic and g.group_name = p_group for no key update;
  perform from topics.cursors c
    where c.topic_id = p_topic and c.group_name = p_group and c.partition = any (p_partitions)
    order by c.partition for no key update;
  for message in
    select * from unnest(p_partitions, p_ids, p_keys, p_headers, p_values, p_reasons)
      with ordinality m (partition, id, key, headers, value, reason, place) order by m.place
  loop
    is_first := not exists (
      select from topics.dead_letters d
       where d.topic_id = p_topic and d.group_name = p_group and left(d.key, 100) = left(message.key, 100) collate "C"
         and d.key = message.key collate "C");
    insert into topics.dead_letters
      (topic_id, group_name, partition, "offset", published_at, key, headers, value, attempt, reason,
       parked, parked_at, first_parked_at, message_id)
    select p_topic, p_group, message.partition,
           coalesce((select max(d."offset") from topics.dead_letters d
                      where d.topic_id = p_topic and d.group_name = p_group and d.partition = message.partition
                        and d."offset" < 0), before_all) + 1,
           at, message.key, message.headers, message.value,
           case when is_first then 1 else 0 end, case when is_first then message.reason else p_waiting_reason end,
           is_first, at, case when is_first then at end, message.id
    on conflict do nothing;
  end loop;
  perform topics.let_go(p_topic, p_group, p_keys);
end
$$;
