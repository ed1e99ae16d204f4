-- Keys that sign access tokens. The private half is sealed by the vault; the public half is what JWKS shows.
create table vault.signing_keys (
  kid            text        primary key,
  algorithm      text        not null check (algorithm in ('EdDSA', 'RS256')),
  public_jwk     jsonb       not null,
  sealed_private text        not null,
  created_at     timestamptz not null default now(),
  -- From then on it signs nothing; it verifies until its last tokens have expired.
  retired_at     timestamptz
);

-- One key signs at a time: of several processes that start at once the first insert wins.
create unique index signing_keys_active on vault.signing_keys (algorithm) where retired_at is null;
