-- Which log this is, and its lives. A restore from a backup and a recovery of consumers begin an epoch: whoever took
-- events in under another one finds out by it. The token tells two restores of one backup apart.
create table log.epochs (
  epoch        integer     primary key check (epoch > 0),
  log_id       uuid        not null,
  token        uuid        not null default gen_random_uuid(),
  -- Events up to there were recorded before it began.
  begins_after bigint      not null,
  began_at     timestamptz not null default now(),
  reason       text        not null check (reason in ('created', 'restored', 'recovered'))
);
insert into log.epochs (epoch, log_id, begins_after, reason) values (1, gen_random_uuid(), 0, 'created');

-- The log that the consumers of this database follow, and a witness: an event that they took in, by its position.
create table runtime.followed_log (
  only_row boolean     primary key default true check (only_row),
  log_id   uuid        not null,
  epoch    text        not null,
  position text        not null collate "C",
  -- Null before the first event.
  event_id uuid,
  noted_at timestamptz not null default now()
);
