-- log.append looks for ids that are stored already only where something speaks for it: where a batch is in conflict, or an
-- id turns out to be taken. A group of new events, which nearly all are, saves the look-up of each id.

-- Appends a group of batches in one transaction, each batch all or nothing and with an outcome of its own:
--   appended   revision and position of the batch's last event
--   duplicate  its event ids are all stored in this stream already: revision and position of its last event there
--   conflict   the stream is elsewhere than expected, or only some of the ids are stored: the actual revision
-- A repeat is known by its ids, wherever its stream is meanwhile.
--
-- Streams, expected, sizes and previous have one element a batch. expected is a revision, -1 for an absent stream, -2 for
-- one that exists, -3 for anything. previous is the number (from 1) of the batch before it in the group that is for the
-- same stream, 0 where there is none. The other arguments have one element an event, batches in turn; owners is the
-- number of the event's batch, ordinals its number in the batch. An event id stands once in a group.
--
-- Plans are made once a connection, perhaps while the table is empty: the caller's connections have enable_seqscan off
-- and generic plans forced, or a sequential scan chosen then would make each append slower than the one before.
create or replace function log.append(
  streams text[], expected integer[], sizes integer[], previous integer[],
  owners integer[], ordinals integer[], ids uuid[], types text[], datas json[], metadatas json[],
  out outcomes text[], out revisions integer[], out positions bigint[]
)
language plpgsql as $$
declare
  last bigint;
  actual integer[];
  -- Revision of each batch's first event; -1 where nothing is written.
  firsts integer[];
  -- Whether ids are looked up, and whether that would be wanted.
  careful boolean := false;
  doubtful boolean;
  -- Per batch: 0 no id known, 1 all known in this stream, -1 some, or elsewhere.
  known integer[];
  known_revisions integer[];
  known_positions bigint[];
  before integer;
begin
  -- Held to commit. Statements of this function see what was committed before they began, so everything after this
  -- line sees every earlier append, and no two transactions draw positions at the same time.
  perform pg_advisory_xact_lock(4_230_120);

  loop
    doubtful := false;
    select coalesce((select e.position from log.events e order by e.position desc limit 1), 0),
           array(select coalesce(
                   (select e.revision from log.events e where e.stream = s order by e.revision desc limit 1), -1)
                   from unnest(streams) s)
      into last, actual;

    if careful then
      select array_agg(k.state order by k.n), array_agg(k.revision order by k.n), array_agg(k.position order by k.n)
        into known, known_revisions, known_positions
        from (
          select b.n, max(f.revision) as revision, max(f.position) as position,
                 case when count(f.owner) = 0 then 0
                      when count(*) filter (where f.stream = b.stream) = b.size then 1
                      else -1 end as state
            from unnest(streams, sizes) with ordinality b (stream, size, n)
            left join (select i.owner, e.stream, e.revision, e.position
                         from unnest(ids, owners) i (id, owner) join log.events e on e.id = i.id) f
              on f.owner = b.n
           group by b.n, b.size
        ) k;
    end if;

    for i in 1 .. cardinality(streams) loop
      before := case when previous[i] = 0 then actual[i] else actual[previous[i]] end;
      if careful and known[i] = 1 then
        outcomes[i] := 'duplicate';
        revisions[i] := known_revisions[i];
        positions[i] := known_positions[i];
        firsts[i] := -1;
        actual[i] := before;
      elsif (expected[i] = before or expected[i] = -3 or (expected[i] = -2 and before >= 0))
            and not (careful and known[i] <> 0) then
        last := last + sizes[i];
        outcomes[i] := 'appended';
        firsts[i] := before + 1;
        before := before + sizes[i];
        revisions[i] := before;
        positions[i] := last;
        actual[i] := before;
      else
        outcomes[i] := 'conflict';
        doubtful := true;
        revisions[i] := before;
        positions[i] := 0;
        firsts[i] := -1;
        actual[i] := before;
      end if;
    end loop;

    -- A conflict may be a repeat.
    if careful or not doubtful then
      begin
        insert into log.events (position, recorded_at, id, revision, stream, type, data, metadata)
        select positions[e.owner] - sizes[e.owner] + e.ordinal, clock_timestamp(), e.id, firsts[e.owner] + e.ordinal - 1,
               streams[e.owner], e.type, e.data, e.metadata
          from unnest(owners, ordinals, ids, types, datas, metadatas) e (owner, ordinal, id, type, data, metadata)
         where firsts[e.owner] >= 0;
        return;
      exception when unique_violation then
        -- An id is stored: at least one batch is a repeat. With ids looked up, that cannot be.
        if careful then raise; end if;
      end;
    end if;
    careful := true;
  end loop;
end
$$;
