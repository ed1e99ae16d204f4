import { createHmac, randomBytes } from 'node:crypto';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { erased, type KeyOwner, type Vault } from '@daybook/kernel/ports/outside.ts';
import { derivedKey } from './key-encryption-key.ts';
import { decrypt, encrypt, parseSealed, sealedPrefix } from './sealed-form.ts';

/** An owner's data key as it stands: there, destroyed, or never made. */
export type DataKey = Readonly<{ key: Uint8Array }> | 'erased' | 'absent';

/** Where data keys are kept. */
export type DataKeys = Readonly<{
  /** @throws `key-unknown` where the key is there and cannot be unwrapped */
  find: (owner: KeyOwner) => Promise<DataKey>;
  /** As `find`; makes the key where there is none. Callers at the same time, in any process, get the same key. */
  obtain: (owner: KeyOwner) => Promise<Exclude<DataKey, 'absent'>>;
  /** Destroys the key, and remembers that it was. Idempotent; also for an owner that never had one. */
  erase: (owner: KeyOwner) => Promise<void>;
}>;

/**
 * The vault over a place for data keys. An erased owner stays erased: what is sealed for it later is encrypted
 * under a key that is thrown away at once.
 * @param hashRoot 32 bytes; every purpose of `hash` has its own key derived from it
 */
export function makeVault(keys: DataKeys, hashRoot: Uint8Array): Vault {
  const hashKeys = new Map<string, Buffer>();

  function hashKey(purpose: string): Buffer {
    const known = hashKeys.get(purpose) ?? derivedKey(hashRoot, `hash ${purpose}`);
    hashKeys.set(purpose, known);
    return known;
  }

  return {
    async seal(owner, plain) {
      const found = await keys.obtain(owner);
      const prefix = sealedPrefix(owner);
      if (found === 'erased') return print(prefix, randomBytes(32), plain);
      const already = plain.startsWith(prefix) ? parseSealed(plain) : null;
      // Only what opens counts as sealed: text that merely looks like it is sealed like any other.
      if (already !== null && decrypt(found.key, prefix, already.box) !== null) return plain;
      return print(prefix, found.key, plain);
    },

    async open(sealed) {
      const form = parseSealed(sealed);
      if (form === null) throw keyUnknown('The value is not in the sealed form.');
      const found = await keys.find(form.owner);
      if (found === 'erased') return erased;
      const plain = found === 'absent' ? null : decrypt(found.key, sealedPrefix(form.owner), form.box);
      if (plain === null) throw keyUnknown('The value does not open with its owner’s key.', form.owner);
      return plain.toString('utf8');
    },

    erase: (owner) => keys.erase(owner),

    hash: (purpose, value) => createHmac('sha256', hashKey(purpose)).update(value).digest('hex'),
  };
}

function print(prefix: string, key: Uint8Array, plain: string): string {
  return prefix + encrypt(key, prefix, Buffer.from(plain, 'utf8')).toString('base64url');
}

/** The error of a value or data key that cannot be opened. Owner ids are opaque and safe to log. */
export function keyUnknown(message: string, owner?: KeyOwner): DaybookError {
  return new DaybookError('key-unknown', message, {
    ...(owner === undefined ? {} : { fields: { ownerKind: owner.kind, ownerId: owner.id } }),
  });
}
