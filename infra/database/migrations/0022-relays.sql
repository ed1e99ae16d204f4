-- The relay: its place in the log, its leader, and publishing as one step with both.

-- How far a relay has forwarded the log, and who leads. Publishing and checkpoint of a leader name its epoch and are
-- refused when it is of the past.
create table topics.relays (
  name text primary key,
  owner uuid,
  -- Stable over restarts of one process.
  instance text,
  epoch bigint not null default 0,
  -- The lease, by the database's clock.
  expires_at timestamptz not null default '-infinity',
  -- Position of the last event forwarded.
  position text collate "C" not null,
  forwarded bigint not null default 0,
  moved_at timestamptz
) with (fillfactor = 30);

-- Publishes a relay's batch and moves its checkpoint from `p_after` to `p_position` in one transaction: both or neither,
-- and neither for a relay that no longer leads, or for a call whose work is done already. False in those cases.
create function topics.forward(
  p_relay text, p_owner uuid, p_epoch bigint, p_lease_ms integer, p_after text, p_position text,
  p_topic integer, p_touched integer[], p_counts integer[], p_partitions integer[], p_places integer[],
  p_starts integer[], p_key_bytes integer[], p_value_bytes integer[], p_headers json[], p_content bytea
) returns boolean
language plpgsql
set search_path = pg_catalog
set lock_timeout = '10s'
as $$
begin
  update topics.relays r
     set position = p_position, forwarded = r.forwarded + cardinality(p_partitions), moved_at = clock_timestamp(),
         expires_at = clock_timestamp() + p_lease_ms * interval '1 ms'
   where r.name = p_relay and r.owner = p_owner and r.epoch = p_epoch and r.position = p_after;
  if not found then
    return false;
  end if;
  perform topics.publish(
    p_topic, p_touched, p_counts, p_partitions, p_places, p_starts, p_key_bytes, p_value_bytes, p_headers, p_content);
  return true;
end
$$;
