import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type CryptoKey,
  type JSONWebKeySet,
  type JWK,
  type LocalJWKSet,
} from 'jose';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Vault } from '@daybook/kernel/ports/outside.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { sealedPrefix } from '../vault/sealed-form.ts';
import type { KeyRing, SigningKey } from './key-ring.ts';

export type SigningKeysOptions = Readonly<{
  database: Pick<Database, 'pool' | 'transaction'>;
  vault: Vault;
  /** Default `EdDSA` (Ed25519). */
  algorithm?: 'EdDSA' | 'RS256';
  /** How long a retired key verifies: the longest life of a token. Default 24 hours. */
  keepRetiredMs?: number;
  /** How long keys are held before the table is asked again. Default 60 000. */
  refreshMs?: number;
}>;

/** A ring in PostgreSQL, and its rotation. */
export type SigningKeys = KeyRing &
  Readonly<{
    /** Retires the key that signs and makes another. Tokens of the retired one stay good. Answers with the new `kid`. */
    rotate(): Promise<string>;
  }>;

type Row = Readonly<{ kid: string; public_jwk: JWK; sealed_private: string; retired_at: string | null }>;
type Loaded = Readonly<{ signing: SigningKey; keys: JSONWebKeySet; find: LocalJWKSet; at: number }>;

const owner = { kind: 'system', id: 'signing-keys' } as const;

/** An unknown `kid` asks the table again, but not more often than this, whoever makes names up. */
const unknownKeyPauseMs = 2_000;

/**
 * Signing keys shared by all processes on one database. The first one asked makes the key; processes that start at
 * once agree on one. Private keys are sealed by the vault and never leave this module unsealed. A public key counts only
 * with the private key that was sealed here for it: whoever writes into the table, or into a backup of it, plants none.
 * All but `rotate` throw `key-unknown` where a row of the table is not of that kind.
 */
export function signingKeys(options: SigningKeysOptions): SigningKeys {
  const { database, vault, algorithm = 'EdDSA', keepRetiredMs = 86_400_000, refreshMs = 60_000 } = options;
  let loading: Promise<Loaded> | undefined;
  let loaded: Loaded | undefined;

  async function rows(): Promise<readonly Row[]> {
    try {
      const result = await database.pool.query<Row>(
        `select kid, public_jwk, sealed_private, retired_at from vault.signing_keys
         where algorithm = $1 and (retired_at is null or retired_at > now() - make_interval(secs => $2))
         order by retired_at desc nulls first`,
        [algorithm, keepRetiredMs / 1_000],
      );
      return result.rows;
    } catch (error) {
      throw translateDatabaseError(error);
    }
  }

  async function load(): Promise<Loaded> {
    let found = await rows();
    if (found[0]?.retired_at !== null) {
      const key = await makeKey(algorithm, vault);
      await failpoint('signingKeys.making');
      await insert(key, algorithm, database.pool);
      await failpoint('signingKeys.made');
      found = await rows();
    }
    const active = found.find((row) => row.retired_at === null);
    if (active === undefined) throw new TypeError('No signing key is active although one was just made.');
    const privateKeys = await Promise.all(found.map((row) => privateJwk(row, vault)));
    const keys = { keys: found.map((row) => row.public_jwk) };
    return {
      signing: { kid: active.kid, key: await imported(privateKeys[found.indexOf(active)] as JWK, algorithm) },
      keys,
      find: createLocalJWKSet(keys),
      at: performance.now(),
    };
  }

  async function fresh(maxAgeMs: number): Promise<Loaded> {
    if (loaded !== undefined && performance.now() - loaded.at < maxAgeMs) return loaded;
    loading ??= load().finally(() => {
      loading = undefined;
    });
    loaded = await loading;
    return loaded;
  }

  return {
    algorithm,
    signing: async () => (await fresh(refreshMs)).signing,
    publicKeys: async () => (await fresh(refreshMs)).keys,
    verifying: async (header) => {
      try {
        return await (await fresh(refreshMs)).find(header);
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error;
        return (await fresh(unknownKeyPauseMs)).find(header);
      }
    },
    rotate: async () => {
      const key = await makeKey(algorithm, vault);
      await database.transaction(async (client) => {
        await client.query(
          'update vault.signing_keys set retired_at = now() where algorithm = $1 and retired_at is null',
          [algorithm],
        );
        await insert(key, algorithm, client);
      });
      loaded = undefined;
      return (await fresh(refreshMs)).signing.kid ?? key.kid;
    },
  };
}

type NewKey = Readonly<{ kid: string; publicJwk: JWK; sealedPrivate: string }>;

async function makeKey(algorithm: 'EdDSA' | 'RS256', vault: Vault): Promise<NewKey> {
  const pair = await generateKeyPair(algorithm, {
    extractable: true,
    ...(algorithm === 'EdDSA' ? { crv: 'Ed25519' } : { modulusLength: 3_072 }),
  });
  const publicJwk = await exportJWK(pair.publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);
  return {
    kid,
    publicJwk: { ...publicJwk, kid, alg: algorithm, use: 'sig' },
    sealedPrivate: await vault.seal(owner, JSON.stringify(await exportJWK(pair.privateKey))),
  };
}

async function insert(
  key: NewKey,
  algorithm: string,
  client: Pick<Database['pool'], 'query'>,
): Promise<void> {
  try {
    await client.query(
      `insert into vault.signing_keys (kid, algorithm, public_jwk, sealed_private) values ($1, $2, $3, $4)
       on conflict do nothing`,
      [key.kid, algorithm, JSON.stringify(key.publicJwk), key.sealedPrivate],
    );
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

/** The private key of a row. @throws `key-unknown` where it is not the one of the row's public key and name */
async function privateJwk(
  { kid, public_jwk: publicJwk, sealed_private: sealed }: Row,
  vault: Vault,
): Promise<JWK> {
  // Any value that the vault sealed opens; what it sealed for somebody else may be a text of theirs.
  if (!sealed.startsWith(sealedPrefix(owner))) throw planted(kid);
  const jwk = JSON.parse(await vault.open(sealed)) as JWK;
  const names = await Promise.all([jwk, publicJwk].map((key) => calculateJwkThumbprint(key)));
  if (publicJwk.kid !== kid || names.some((name) => name !== kid)) throw planted(kid);
  return jwk;
}

function planted(kid: string): DaybookError {
  return new DaybookError(
    'key-unknown',
    'A signing key in the database is not the one whose private half was sealed here: somebody wrote into vault.signing_keys, or into the backup that was restored. Take that row out of the table.',
    { fields: { kid } },
  );
}

async function imported(jwk: JWK, algorithm: string): Promise<CryptoKey> {
  return (await importJWK(jwk, algorithm, { extractable: false })) as CryptoKey;
}
