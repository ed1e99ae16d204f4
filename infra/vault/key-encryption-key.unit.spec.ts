import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { derivedKey, parseKeyEncryptionKey } from './key-encryption-key.ts';

describe('key-encryption key', () => {
  test('reads 32 bytes in hexadecimal, base64 and URL-safe base64 alike', () => {
    const bytes = randomBytes(32);
    const keys = (['hex', 'base64', 'base64url'] as const).map((form) =>
      parseKeyEncryptionKey(bytes.toString(form)),
    );
    expect(keys.map((key) => Buffer.from(key.bytes))).toEqual([bytes, bytes, bytes]);
    expect(new Set(keys.map((key) => key.version)).size).toBe(1);
    expect(keys[0]?.version).toMatch(/^[0-9a-f]{8}$/);
  });

  test.each(['', 'secret', 'ab'.repeat(31), randomBytes(31).toString('base64'), `${'A'.repeat(43)}!`])(
    'refuses %j without repeating it',
    (text) => {
      expect(() => parseKeyEncryptionKey(text)).toThrow(
        expect.objectContaining({ code: 'configuration-invalid', fields: {} }),
      );
    },
  );

  test('derives a different key for each use', () => {
    const root = randomBytes(32);
    expect(derivedKey(root, 'a')).toEqual(derivedKey(root, 'a'));
    expect(derivedKey(root, 'a')).not.toEqual(derivedKey(root, 'b'));
  });
});
