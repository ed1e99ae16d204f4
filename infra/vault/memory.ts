import { randomBytes } from 'node:crypto';
import type { KeyOwner, Vault } from '@daybook/kernel/ports/outside.ts';
import { makeVault, type DataKey } from './vault.ts';

/**
 * A vault that lives as long as the process.
 * @param key 32 bytes from which hashes are keyed. Default: random, so that hashes differ from run to run.
 */
export function memoryVault(key: Uint8Array = randomBytes(32)): Vault {
  const keys = new Map<string, Exclude<DataKey, 'absent'>>();
  const name = (owner: KeyOwner): string => `${owner.kind}:${owner.id}`;
  return makeVault(
    {
      find: (owner) => Promise.resolve(keys.get(name(owner)) ?? 'absent'),
      obtain: (owner) => {
        const found = keys.get(name(owner)) ?? { key: randomBytes(32) };
        keys.set(name(owner), found);
        return Promise.resolve(found);
      },
      erase: (owner) => {
        keys.set(name(owner), 'erased');
        return Promise.resolve();
      },
    },
    key,
  );
}
