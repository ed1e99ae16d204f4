-- Where the messages of topics are: 'postgresql', or the id of a Kafka cluster. Places of groups and of the relay mean nothing
-- elsewhere. No row: in PostgreSQL, or nowhere yet.
create table topics.home (
  only_row boolean primary key default true check (only_row),
  home     text    not null,
  noted_at timestamptz not null default now()
);
