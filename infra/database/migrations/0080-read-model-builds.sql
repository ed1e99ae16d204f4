-- Builds of read models: the tables of a version of a projection can be made anew beside those that serve. Build 1 of each
-- version goes by the names of before, so that code that knows no builds goes on working.

create table runtime.builds (
  projection  text        not null,
  version     integer     not null,
  build       integer     not null check (build > 0),
  -- Its name in checkpoints and holds.
  consumer    text        not null,
  -- The one that projectors of this version keep.
  followed    boolean     not null,
  -- Of the code that folds it, where a rebuild makes it: another code begins anew.
  fingerprint text,
  made_at     timestamptz not null default now(),
  -- When the view showed it last.
  shown_at    timestamptz,
  primary key (projection, version, build)
);
create unique index builds_followed on runtime.builds (projection, version) where followed;

insert into runtime.builds (projection, version, build, consumer, followed, shown_at)
select c.consumer, c.version, 1, c.consumer, true, m.switched_at
  from (select distinct consumer, version from runtime.checkpoints where consumer not like 'process %') c
  left join runtime.read_models m on m.projection = c.consumer and m.version >= c.version;

-- The tables that the view shows, and those that it showed before, to which it can go back.
alter table runtime.read_models
  add column build integer not null default 1,
  add column previous_version integer,
  add column previous_build integer;
