-- Topics on PostgreSQL: partitions and messages; tables of consumer groups and dead letters.

create table topics.topics (
  topic_id integer generated always as identity primary key,
  name text collate "C" not null unique,
  -- Fixed at creation: another number would send the keys elsewhere.
  partitions integer not null check (partitions between 1 and 1000),
  retention_ms bigint check (retention_ms >= 0),
  created_at timestamptz not null default clock_timestamp()
);

-- One row a partition. Its row lock, held to commit by whoever publishes, makes offsets increase in commit order: a
-- reader that goes on after the last offset it saw misses nothing, whatever transactions are open.
create table topics.partitions (
  topic_id integer not null references topics.topics,
  partition integer not null,
  -- Offset of the next message.
  end_offset bigint not null default 0,
  primary key (topic_id, partition)
) with (fillfactor = 50);

create table topics.messages (
  topic_id integer not null,
  partition integer not null,
  "offset" bigint not null,
  published_at timestamptz(3) not null,
  key text collate "C" not null,
  -- json, not jsonb: header values are kept as they were sent, and no time goes into taking them apart.
  headers json not null,
  value bytea not null,
  primary key (topic_id, partition, "offset")
);

create table topics.groups (
  topic_id integer not null references topics.topics,
  group_name text collate "C" not null,
  -- When a member was last there: retention does not wait for a group that nobody takes part in any more.
  seen_at timestamptz not null default clock_timestamp(),
  primary key (topic_id, group_name)
) with (fillfactor = 50);

create table topics.members (
  topic_id integer not null,
  group_name text collate "C" not null,
  member uuid not null,
  -- Stable over restarts of one process; null for a process without a name.
  instance text,
  joined_at timestamptz not null default clock_timestamp(),
  -- The lease, by the database's clock.
  expires_at timestamptz not null,
  primary key (topic_id, group_name, member),
  foreign key (topic_id, group_name) references topics.groups
) with (fillfactor = 50);

-- How far a group is in a partition, and who holds it.
create table topics.cursors (
  topic_id integer not null,
  group_name text collate "C" not null,
  partition integer not null,
  owner uuid,
  -- Grows with every change of owner. Whatever a member records names the epoch of its claim and is refused when it is
  -- of the past: a member that was thought dead and wakes up writes nothing.
  epoch bigint not null default 0,
  next_offset bigint not null default 0,
  -- Failed deliveries of the messages before tried_to.
  attempts integer not null default 0,
  tried_to bigint not null default 0,
  not_before timestamptz,
  primary key (topic_id, group_name, partition),
  foreign key (topic_id, group_name) references topics.groups
) with (fillfactor = 30);

-- Messages set aside for a group, whole, so that retention cannot take them. A key is blocked while it has rows here:
-- its later messages are set aside too. Released rows are delivered before anything later of their key, then removed.
create table topics.dead_letters (
  letter_id bigint generated always as identity primary key,
  topic_id integer not null,
  group_name text collate "C" not null,
  partition integer not null,
  "offset" bigint not null,
  published_at timestamptz(3) not null,
  key text collate "C" not null,
  headers json not null,
  value bytea not null,
  -- The delivery that parked it; 0 for a message that waits behind another.
  attempt integer not null,
  reason text not null,
  parked_at timestamptz(3) not null default clock_timestamp(),
  released boolean not null default false,
  foreign key (topic_id, group_name) references topics.groups
);

-- Makes setting aside idempotent, and serves what is asked of a partition in order.
create unique index dead_letters_place on topics.dead_letters (topic_id, group_name, partition, "offset");

-- Looked at with every fetch; holds next to nothing.
create index dead_letters_released on topics.dead_letters (topic_id, group_name, partition, "offset") where released;

-- Keys may be longer than a B-tree takes.
create index dead_letters_key on topics.dead_letters using hash (key);

-- Publishes messages in order, in one transaction. The lists have one element a message: its partition, its place
-- among those of its partition, where its key begins in `content`, and how many bytes key and value have; the value
-- follows the key. `touched` and `counts` have one element a partition. Partitions are locked in their order, so that
-- publishers never wait in a circle.
create function topics.publish(
  p_topic integer, p_touched integer[], p_counts integer[], p_partitions integer[], p_places integer[],
  p_starts integer[], p_key_bytes integer[], p_value_bytes integer[], p_headers json[], p_content bytea
) returns void
language plpgsql
set search_path = pg_catalog
-- Bounds the wait for a publisher that hangs; the statement then fails as a whole.
set lock_timeout = '10s'
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  perform from topics.partitions p
    where p.topic_id = p_topic and p.partition = any (p_touched)
    order by p.partition for no key update;

  with moved as (
    update topics.partitions p set end_offset = p.end_offset + t.count
      from unnest(p_touched, p_counts) t (partition, count)
     where p.topic_id = p_topic and p.partition = t.partition
    returning p.partition, p.end_offset - t.count as start
  )
  insert into topics.messages (topic_id, partition, "offset", published_at, key, headers, value)
  select p_topic, m.partition, moved.start + m.place, clock_timestamp(),
         convert_from(substring(p_content from m.start + 1 for m.key_bytes), 'UTF8'), m.headers,
         substring(p_content from m.start + m.key_bytes + 1 for m.value_bytes)
    from unnest(p_partitions, p_places, p_starts, p_key_bytes, p_value_bytes, p_headers)
         m (partition, place, start, key_bytes, value_bytes, headers)
    join moved on moved.partition = m.partition;
end
$$;
