-- Schemas of topic messages. An id is one schema for ever, whatever subjects it stands under: it is the four bytes in
-- the framing of messages.
create table registry.schemas (
  id      integer generated always as identity primary key,
  -- SHA-256 of the schema as canonical JSON: equal schemas are one row, however they are spaced and ordered.
  digest  text    not null unique,
  schema  text    not null
);

create table registry.versions (
  subject       text        not null,
  version       integer     not null check (version > 0),
  schema_id     integer     not null references registry.schemas,
  registered_at timestamptz not null default now(),
  primary key (subject, version),
  unique (subject, schema_id)
);
