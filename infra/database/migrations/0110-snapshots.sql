-- States of long streams, so that a process that has none need not fold a stream from its beginning. A cache: the log
-- confirms a snapshot before it is used, and without this table everything is as it was, only slower.
create table runtime.snapshots (
  stream      text        not null collate "C" primary key,
  -- Of the fold that made the state and of the contracts of its events: another fold takes no notice of it.
  fingerprint text        not null,
  tenant_id   text        not null,
  -- The last event that is in the state: its revision, its position, and its id, by which the log knows it again.
  revision    integer     not null check (revision >= 0),
  position    text        not null collate "C",
  event_id    uuid        not null,
  -- JSON, as text: what is sealed in the events is sealed here, and nothing here is ever asked for by content.
  state       text        not null,
  written_at  timestamptz not null default now()
);
