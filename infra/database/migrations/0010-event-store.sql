-- The log: every event of every stream, in one total order.

create table log.events (
  -- Place in the whole log. Drawn under the lock that log.append holds to commit, so that positions increase in commit
  -- order: a reader that continues after the last position it saw misses nothing, whatever transactions are open.
  position bigint primary key,
  recorded_at timestamptz(3) not null,
  id uuid not null,
  revision integer not null check (revision >= 0),
  -- Code-unit order: names are compared for equality, never sorted for people.
  stream text collate "C" not null,
  type text collate "C" not null,
  -- json, not jsonb: what was written is read byte for byte (also \u0000, which jsonb refuses), and no server time goes
  -- into taking it apart. It is as readable in psql and in reports, and ->> works alike.
  data json not null,
  metadata json not null
);

-- Serves reads of a stream and the look-up of its last revision, so that no table of streams has to be kept in step.
create unique index events_stream_revision on log.events (stream, revision);

-- Makes appends idempotent.
create unique index events_id on log.events (id);

-- What was recorded is never changed, whoever asks.
create function log.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'Events are immutable.' using errcode = 'restrict_violation';
end
$$;

create trigger events_immutable before update or delete or truncate on log.events
  for each statement execute function log.refuse_change();

-- Appends a group of batches, each all or nothing and with an outcome of its own, in one transaction:
--   appended   revision and position of the batch's last event
--   duplicate  its event ids are all stored already in this stream: revision and position of its last event there
--   conflict   the stream is elsewhere than expected, or only some of the ids are stored: revision is the actual one
-- streams, expected and sizes have one element a batch; the others one an event, batches in turn, owners naming the
-- batch by its number from 1. expected is a revision, -1 for an absent stream, -2 for one that exists, -3 for anything. A stream may occur several times in a group as long
-- as every batch after its first expects anything; an event id occurs once in a group. The caller sees to both.
create function log.append(
  streams text[], expected integer[], sizes integer[],
  owners integer[], ids uuid[], types text[], datas json[], metadatas json[]
) returns table (outcome text, revision integer, "position" bigint)
language plpgsql
set search_path = pg_catalog
-- Bounds the wait for a writer that hangs. The statement then fails as a whole, with nothing stored.
set lock_timeout = '10s'
-- Plans are made once a connection, perhaps while the table is empty or its statistics are old: a sequential scan
-- chosen then would make every append slower than the one before.
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  last bigint;
  actual integer[];
  known integer[];
  known_revision integer[];
  known_position bigint[];
  first_revision integer[];
  outcomes text[];
  revisions integer[];
  positions bigint[];
begin
  -- Held to commit. Statements of this function see what was committed before they began, so everything after this
  -- line sees every earlier append, and no two transactions ever draw positions at the same time.
  perform pg_advisory_xact_lock(hashtextextended('daybook log', 0));

  select coalesce(max(e.position), 0) into last from log.events e;

  select array_agg(coalesce(
      (select e.revision from log.events e where e.stream = b.stream order by e.revision desc limit 1), -1)
      order by b.n)
    into actual
    from unnest(streams) with ordinality b (stream, n);

  -- Ids that are known are rare (a repeated delivery), so the common case pays for one look-up only.
  if exists (select from log.events e where e.id = any (ids)) then
    with found as (
      select i.owner, e.stream, e.revision, e.position
        from unnest(ids, owners) i (id, owner) join log.events e on e.id = i.id
    ), batch as (
      select b.n,
             -- 0: none known; 1: all, in this stream; -1: some, or elsewhere.
             case when count(f.owner) = 0 then 0
                  when count(*) filter (where f.stream = b.stream) = b.size then 1
                  else -1 end as state,
             max(f.revision) as revision, max(f.position) as position
        from unnest(streams, sizes) with ordinality b (stream, size, n) left join found f on f.owner = b.n
       group by b.n, b.size
    )
    select array_agg(b.state order by b.n), array_agg(b.revision order by b.n), array_agg(b.position order by b.n)
      into known, known_revision, known_position
      from batch b;
  end if;

  with batch as (
    select b.n, b.stream, b.size, b.actual,
           coalesce(b.known, 0) as known, b.known_revision, b.known_position,
           coalesce(b.known, 0) = 0
             and (b.expected in (b.actual, -3) or (b.expected = -2 and b.actual >= 0)) as accepted
      from unnest(streams, expected, sizes, actual, known, known_revision, known_position)
           with ordinality b (stream, expected, size, actual, known, known_revision, known_position, n)
  ), placed as (
    select b.*,
           -- The stream's revision once this batch, and those before it in the group, are written.
           b.actual + coalesce(sum(b.size) filter (where b.accepted) over (partition by b.stream order by b.n), 0) as upto,
           last + sum(b.size) filter (where b.accepted) over (order by b.n) as last_position
      from batch b
  )
  select array_agg(case when p.accepted then 'appended' when p.known = 1 then 'duplicate' else 'conflict' end order by p.n),
         array_agg(case when p.known = 1 then p.known_revision else p.upto end order by p.n),
         array_agg(case when p.known = 1 then p.known_position when p.accepted then p.last_position end order by p.n),
         array_agg(case when p.accepted then p.upto - p.size + 1 else -1 end order by p.n)
    into outcomes, revisions, positions, first_revision
    from placed p;

  insert into log.events (position, recorded_at, id, revision, stream, type, data, metadata)
  select last + row_number() over (order by e.n), clock_timestamp(), e.id,
         b.first_revision + row_number() over (partition by b.n order by e.n) - 1,
         b.stream, e.type, e.data, e.metadata
    from unnest(owners, ids, types, datas, metadatas) with ordinality e (owner, id, type, data, metadata, n)
    join unnest(streams, first_revision) with ordinality b (stream, first_revision, n) on b.n = e.owner
   where b.first_revision >= 0;

  return query select o, r, p from unnest(outcomes, revisions, positions) with ordinality u (o, r, p, n) order by n;
end
$$;
