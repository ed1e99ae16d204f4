import { randomBytes } from 'node:crypto';
import type { KeyOwner, Vault } from '@daybook/kernel/ports/outside.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { keyCache } from './key-cache.ts';
import { derivedKey, parseKeyEncryptionKey, type KeyEncryptionKey } from './key-encryption-key.ts';
import { decrypt, encrypt } from './sealed-form.ts';
import { keyUnknown, makeVault, type DataKey, type DataKeys } from './vault.ts';

export type PostgresVaultOptions = Readonly<{
  database: Pick<Database, 'pool'>;
  /** 32 bytes in base64 or hexadecimal: wraps new data keys. */
  keyEncryptionKey: string;
  /** Keys of the past, newest first: they still unwrap, and hashes are keyed from the oldest of all. Default: none. */
  formerKeyEncryptionKeys?: readonly string[];
  /** Unwrapped data keys held in memory. Default 10 000. */
  cacheSize?: number;
  /** How long one is held, and so how soon an erasure counts in every process. Default 5 000. */
  cacheTtlMs?: number;
}>;

/** A data key as it stands in the database. */
export type DataKeyRow = Readonly<{ wrapped: Buffer | null; kek_version: string | null }>;

/**
 * The vault whose data keys are rows of PostgreSQL, wrapped (AES-256-GCM, bound to their owner) by a key-encryption
 * key that the database never sees. A key wrapped by an unknown key-encryption key is refused: `key-unknown`.
 * @throws `configuration-invalid` for a malformed key-encryption key
 */
export function postgresVault(options: PostgresVaultOptions): Vault {
  const current = parseKeyEncryptionKey(options.keyEncryptionKey);
  const all = [current, ...(options.formerKeyEncryptionKeys ?? []).map(parseKeyEncryptionKey)];
  const oldest = all.at(-1) ?? current;
  return makeVault(postgresDataKeys(options, current, all), derivedKey(oldest.bytes, 'hash root'));
}

function postgresDataKeys(
  options: PostgresVaultOptions,
  current: KeyEncryptionKey,
  all: readonly KeyEncryptionKey[],
): DataKeys {
  const { pool } = options.database;
  const wrapping = new Map(all.map((key) => [key.version, key.bytes]));
  const cache = keyCache<Exclude<DataKey, 'absent'> | null>({
    size: options.cacheSize ?? 10_000,
    ttlMs: options.cacheTtlMs ?? 5_000,
    now: () => performance.now(),
  });

  async function query<R extends object>(text: string, values: readonly unknown[]): Promise<R[]> {
    try {
      return (await pool.query<R>(text, [...values])).rows;
    } catch (error) {
      throw translateDatabaseError(error);
    }
  }

  async function load(owner: KeyOwner): Promise<Exclude<DataKey, 'absent'> | null> {
    const [row] = await query<DataKeyRow>(
      'select wrapped, kek_version from vault.data_keys where owner_kind = $1 and owner_id = $2',
      [owner.kind, owner.id],
    );
    return row === undefined ? null : unwrapDataKey(owner, row, wrapping);
  }

  // The first insert wins; everyone then reads what stands.
  async function create(owner: KeyOwner): Promise<void> {
    await failpoint('vault.making');
    await query(
      `insert into vault.data_keys (owner_kind, owner_id, wrapped, kek_version)
       values ($1, $2, $3, $4) on conflict do nothing`,
      [owner.kind, owner.id, encrypt(current.bytes, ownerName(owner), randomBytes(32)), current.version],
    );
    await failpoint('vault.made');
  }

  /** The row or null, from the cache where it may be; that a row is missing is never kept. */
  async function cached(owner: KeyOwner): Promise<Exclude<DataKey, 'absent'> | null> {
    const found = await cache.get(ownerName(owner), () => load(owner));
    if (found === null) cache.forget(ownerName(owner));
    return found;
  }

  return {
    find: async (owner) => (await cached(owner)) ?? 'absent',

    async obtain(owner) {
      const found = await cached(owner);
      if (found !== null) return found;
      await create(owner);
      const made = await cached(owner);
      if (made === null) throw keyUnknown('The data key vanished while it was made.', owner);
      return made;
    },

    async erase(owner) {
      await query(
        `insert into vault.data_keys as k (owner_kind, owner_id, erased_at) values ($1, $2, now())
         on conflict (owner_kind, owner_id) do update
         set wrapped = null, kek_version = null, erased_at = coalesce(k.erased_at, now())`,
        [owner.kind, owner.id],
      );
      cache.forget(ownerName(owner));
    },
  };
}

/**
 * Unwraps a data key.
 * @param wrapping key-encryption keys by their versions
 * @throws `key-unknown` where none of them does
 */
export function unwrapDataKey(
  owner: KeyOwner,
  row: DataKeyRow,
  wrapping: ReadonlyMap<string, Uint8Array>,
): Exclude<DataKey, 'absent'> {
  if (row.wrapped === null) return 'erased';
  const wrappingKey = wrapping.get(row.kek_version ?? '');
  const key = wrappingKey === undefined ? null : decrypt(wrappingKey, ownerName(owner), row.wrapped);
  if (key === null) throw keyUnknown('No key-encryption key at hand unwraps the data key.', owner);
  return { key };
}

function ownerName(owner: KeyOwner): string {
  return `${owner.kind}:${owner.id}`;
}
