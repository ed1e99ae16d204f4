import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { postgresVault } from '@daybook/infra/vault/postgres.ts';
import { erased } from '@daybook/kernel/ports/outside.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { registerContract } from './contract.ts';
import { vaultClauses } from './vault.contract.ts';

const newKey = (): string => randomBytes(32).toString('base64');
const ada = { kind: 'subject', id: 'user-ada' } as const;

registerContract('vault', 'postgres', vaultClauses, async () => {
  const { database, drop } = await freshDatabase();
  const keyEncryptionKey = newKey();
  // Without a cache, so that what one process erases is erased for the other at once.
  const another = () => postgresVault({ database, keyEncryptionKey, cacheTtlMs: 0 });
  return { port: { vault: another(), another }, close: drop };
});

describe('vault: postgres, key-encryption keys', () => {
  test('a wrong key opens nothing, seals nothing and is named as the cause', async () => {
    const { database, drop } = await freshDatabase();
    const sealed = await postgresVault({ database, keyEncryptionKey: newKey() }).seal(ada, 'secret');
    const wrong = postgresVault({ database, keyEncryptionKey: newKey() });
    await expect(wrong.open(sealed)).rejects.toMatchObject({ code: 'key-unknown', retry: 'never' });
    await expect(wrong.seal(ada, 'more')).rejects.toMatchObject({ code: 'key-unknown' });
    await expect(wrong.seal(ada, sealed)).rejects.toMatchObject({ code: 'key-unknown' });
    await drop();
  });

  test('a former key still unwraps and hashes, the current one wraps', async () => {
    const { database, drop } = await freshDatabase();
    const [former, current] = [newKey(), newKey()];
    const before = postgresVault({ database, keyEncryptionKey: former });
    const sealed = await before.seal(ada, 'secret');
    const after = postgresVault({
      database,
      keyEncryptionKey: current,
      formerKeyEncryptionKeys: [former],
    });
    expect(await after.open(sealed)).toBe('secret');
    expect(after.hash('p', 'v')).toBe(before.hash('p', 'v'));
    const fresh = await after.seal({ kind: 'tenant', id: 't' }, 'new');
    await expect(before.open(fresh)).rejects.toMatchObject({ code: 'key-unknown' });
    await drop();
  });

  test('an erasure counts in another process once its kept key is too old', async () => {
    const { database, drop } = await freshDatabase();
    const keyEncryptionKey = newKey();
    const here = postgresVault({ database, keyEncryptionKey });
    const there = postgresVault({ database, keyEncryptionKey, cacheTtlMs: 0 });
    const sealed = await here.seal(ada, 'secret');
    await there.erase(ada);
    expect(await here.open(sealed)).toBe('secret');
    expect(await there.open(sealed)).toBe(erased);
    await here.erase(ada);
    expect(await here.open(sealed)).toBe(erased);
    await drop();
  });

  test('the database holds no data key in the clear, and none at all after erasure', async () => {
    const { database, drop } = await freshDatabase();
    const vault = postgresVault({ database, keyEncryptionKey: newKey() });
    await vault.seal(ada, 'secret');
    const length = 'select octet_length(wrapped) as length from vault.data_keys';
    expect((await database.pool.query(length)).rows).toEqual([{ length: 12 + 32 + 16 }]);
    await vault.erase(ada);
    expect((await database.pool.query(length)).rows).toEqual([{ length: null }]);
    await drop();
  });

  test('a database that is away is that, and no wrong key', async () => {
    const { database, drop } = await freshDatabase();
    const vault = postgresVault({ database, keyEncryptionKey: newKey() });
    await drop();
    await expect(vault.seal(ada, 'secret')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(vault.erase(ada)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
