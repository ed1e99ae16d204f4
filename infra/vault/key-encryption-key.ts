import { createHmac, hkdfSync } from 'node:crypto';
import { DaybookError } from '@daybook/kernel/errors.ts';

/** A key that wraps data keys, and the short public name under which wrapped keys refer to it. */
export type KeyEncryptionKey = Readonly<{ version: string; bytes: Uint8Array }>;

/**
 * Reads a key of 32 bytes, written as 64 hexadecimal digits or as base64 (plain or URL-safe).
 * @throws `configuration-invalid` for anything else; the text itself is in no field of the error.
 */
export function parseKeyEncryptionKey(text: string): KeyEncryptionKey {
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (bytes.length !== 32 || !/^[\w+/-]+={0,2}$/.test(text)) {
    throw new DaybookError(
      'configuration-invalid',
      'The key-encryption key is not 32 bytes in base64 or hexadecimal.',
    );
  }
  return keyEncryptionKey(bytes);
}

/** Names a key by a keyed hash, which tells nothing of the key. */
export function keyEncryptionKey(bytes: Uint8Array): KeyEncryptionKey {
  return {
    version: createHmac('sha256', bytes).update('daybook key version').digest('hex').slice(0, 8),
    bytes,
  };
}

/** A key of its own for one use of a root key: HKDF-SHA-256 (RFC 5869) with the use as `info`. */
export function derivedKey(root: Uint8Array, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', root, '', `daybook ${use}`, 32));
}
