-- Data keys of the vault: one per owner (a person, a tenant, the installation), wrapped by a key-encryption key that
-- is never in the database. Destroying `wrapped` erases everything sealed for the owner; the row stays to say so.
create table vault.data_keys (
  owner_kind  text        not null check (owner_kind in ('subject', 'tenant', 'system')),
  owner_id    text        not null,
  wrapped     bytea,
  -- Which key-encryption key wraps it: a fingerprint that tells nothing of the key.
  kek_version text,
  created_at  timestamptz not null default now(),
  erased_at   timestamptz,
  primary key (owner_kind, owner_id),
  check ((wrapped is null) = (erased_at is not null)),
  check ((wrapped is null) = (kek_version is null))
);
