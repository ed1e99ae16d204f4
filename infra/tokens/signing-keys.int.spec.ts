import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  jwtVerify,
} from 'jose';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { postgresVault } from '../vault/postgres.ts';
import { accessTokens, type Bearer } from './access-tokens.ts';
import { postgresNonces, sweepNonces } from './nonces.ts';
import { signingKeys, type SigningKeys } from './signing-keys.ts';

const ada: Bearer = { userId: 'user-1', email: 'ada@example.com', role: 'owner', tenantId: 'shop-c8e44f' };

describe('signing keys in PostgreSQL', () => {
  let fresh: Awaited<ReturnType<typeof freshDatabase>>;
  const keyEncryptionKey = randomBytes(32).toString('base64');
  const ring = (algorithm: 'EdDSA' | 'RS256' = 'EdDSA'): SigningKeys =>
    signingKeys({
      database: fresh.database,
      vault: postgresVault({ database: fresh.database, keyEncryptionKey }),
      algorithm,
    });
  beforeAll(async () => {
    fresh = await freshDatabase();
  });
  afterAll(() => fresh.drop());

  test('processes that start at once agree on one key', async () => {
    const rings = Array.from({ length: 8 }, () => ring());
    const signing = await Promise.all(rings.map((each) => each.signing()));
    expect(new Set(signing.map(({ kid }) => kid)).size).toBe(1);
    const { rows } = await fresh.database.pool.query('select kid from vault.signing_keys');
    expect(rows).toHaveLength(1);
  });

  test.each(['EdDSA', 'RS256'] as const)(
    'a token of one process (%s) is good in another, and by JWKS',
    async (algorithm) => {
      const { token } = await accessTokens({ keys: ring(algorithm) }).issue(ada);
      const elsewhere = accessTokens({ keys: ring(algorithm) });
      expect(await elsewhere.verify(token)).toMatchObject({
        ok: true,
        principal: { tenantId: 'shop-c8e44f' },
      });
      const keys = await elsewhere.publicKeys();
      const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys));
      expect(payload).toMatchObject({ sub: 'user-1', email: 'ada@example.com', role: 'owner' });
      expect(protectedHeader).toMatchObject({ alg: algorithm, kid: keys.keys[0]?.kid });
      expect(JSON.stringify(keys)).not.toMatch(/"[dpq]":/);
    },
  );

  test('rotation signs anew, keeps what was signed good, and reaches other processes', async () => {
    const [here, there] = [ring(), ring()];
    const before = await accessTokens({ keys: here }).issue(ada);
    await there.signing();
    const kid = await here.rotate();
    const after = await accessTokens({ keys: here }).issue(ada);
    expect(decodeProtectedHeader(after.token).kid).toBe(kid);
    expect(decodeProtectedHeader(before.token).kid).not.toBe(kid);
    const elsewhere = accessTokens({ keys: ring() });
    expect(await elsewhere.verify(before.token)).toMatchObject({ ok: true });
    expect(await elsewhere.verify(after.token)).toMatchObject({ ok: true });
    expect((await here.publicKeys()).keys).toHaveLength(2);
  });

  test('a token of another installation is invalid', async () => {
    const other = await freshDatabase();
    const foreign = accessTokens({
      keys: signingKeys({
        database: other.database,
        vault: postgresVault({ database: other.database, keyEncryptionKey }),
      }),
    });
    const { token } = await foreign.issue(ada);
    expect(await accessTokens({ keys: ring() }).verify(token)).toEqual({ ok: false, reason: 'invalid' });
    await other.drop();
  });

  test('private keys stand sealed in the table', async () => {
    const { rows } = await fresh.database.pool.query<{ row: string }>(
      'select row_to_json(k)::text as row from vault.signing_keys k',
    );
    for (const { row } of rows) {
      expect(row).toContain('sealed:');
      expect(row).not.toMatch(/"d\\*":/);
    }
  });

  test('a public key whose private half was not sealed for it here is refused', async () => {
    const { pool } = fresh.database;
    const vault = postgresVault({ database: fresh.database, keyEncryptionKey });
    await ring().signing();
    const pair = await generateKeyPair('EdDSA', { extractable: true, crv: 'Ed25519' });
    const [stranger, itsPrivate] = await Promise.all([exportJWK(pair.publicKey), exportJWK(pair.privateKey)]);
    const kid = await calculateJwkThumbprint(stranger);
    const { rows } = await pool.query<{ kid: string; sealed: string; jwk: object }>(
      `select kid, sealed_private as sealed, public_jwk as jwk from vault.signing_keys
       where retired_at is null and algorithm = 'EdDSA'`,
    );
    const own = rows[0] as { kid: string; sealed: string; jwk: object };
    const refused = async (): Promise<void> => {
      await expect(ring().publicKeys()).rejects.toMatchObject({ code: 'key-unknown', fields: { kid } });
    };
    // A retired one still verifies: with our own private key, and with its own that somebody had sealed for himself.
    const asName = await vault.seal({ kind: 'subject', id: 'mallory' }, JSON.stringify(itsPrivate));
    for (const sealed of [own.sealed, asName]) {
      await pool.query(
        `insert into vault.signing_keys (kid, algorithm, public_jwk, sealed_private, retired_at)
         values ($1, 'EdDSA', $2, $3, now())`,
        [kid, JSON.stringify({ ...stranger, kid, alg: 'EdDSA', use: 'sig' }), sealed],
      );
      await refused();
      await pool.query('delete from vault.signing_keys where kid = $1', [kid]);
    }
    // In place of the public half of the key that signs.
    const other = JSON.stringify({ ...stranger, kid: own.kid, alg: 'EdDSA', use: 'sig' });
    await pool.query('update vault.signing_keys set public_jwk = $2 where kid = $1', [own.kid, other]);
    await expect(ring().signing()).rejects.toMatchObject({ code: 'key-unknown', fields: { kid: own.kid } });
    await pool.query('update vault.signing_keys set public_jwk = $2 where kid = $1', [
      own.kid,
      JSON.stringify(own.jwk),
    ]);
    expect((await ring().signing()).kid).toBe(own.kid);
  });

  test('a lost key-encryption key stops, and makes no other key', async () => {
    const wrong = signingKeys({
      database: fresh.database,
      vault: postgresVault({
        database: fresh.database,
        keyEncryptionKey: randomBytes(32).toString('base64'),
      }),
    });
    await expect(wrong.signing()).rejects.toMatchObject({ code: 'key-unknown' });
  });

  test('nonces are used once over all processes, and swept', async () => {
    const [one, other] = [postgresNonces(fresh.database), postgresNonces(fresh.database)];
    expect(await Promise.all([one.use('n', 60_000), other.use('n', 60_000)])).toEqual(
      expect.arrayContaining([true, false]),
    );
    await one.use('old', -1);
    expect(await sweepNonces(fresh.database)).toBe(1);
  });
});
