-- What the HTTP interface remembers. All of it may be emptied: command ids derive from the idempotency key, so that
-- the log itself still knows what was done.
create table runtime.idempotent_requests (
  -- Tenant and key, hashed.
  id          text        primary key,
  -- Keyed hash of who asked for what with which input.
  fingerprint text        not null,
  claimed_at  timestamptz not null default now(),
  -- Null while the first request is under way.
  status      smallint,
  headers     jsonb,
  -- Exact bytes as text; sealed by the vault where the answer holds a secret.
  body        text,
  sealed      boolean     not null default false
);

create index idempotent_requests_age on runtime.idempotent_requests (claimed_at);

-- Columns as rate-limiter-flexible has them. Not logged: counts of the last minute are not worth a write to disk.
create unlogged table runtime.rate_limits (
  key    varchar(255) primary key,
  points integer      not null default 0,
  expire bigint
);

-- Nonces of signed requests between services, kept as long as their timestamps are accepted.
create unlogged table runtime.request_nonces (
  nonce      text        primary key,
  expires_at timestamptz not null
);
