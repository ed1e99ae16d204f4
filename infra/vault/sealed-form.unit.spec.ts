import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decrypt, encrypt, parseSealed, sealedPrefix } from './sealed-form.ts';

const key = randomBytes(32);

describe('the sealed form', () => {
  test('of any owner and value is taken apart as it was put together', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('subject', 'tenant', 'system'),
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.string({ unit: 'grapheme' }),
        (kind, id, plain) => {
          const prefix = sealedPrefix({ kind, id });
          const printed = prefix + encrypt(key, prefix, Buffer.from(plain)).toString('base64url');
          const form = parseSealed(printed);
          expect(form?.owner).toEqual({ kind, id });
          expect(decrypt(key, prefix, form?.box ?? Buffer.alloc(0))?.toString()).toBe(plain);
        },
      ),
    );
  });

  test.each([
    'sealed:v2:subject:a:AAAA',
    'sealed:v1:person:a:AAAA',
    'sealed:v1:subject::AAAA',
    'sealed:v1:subject:a:',
    'sealed:v1:subject:a:A+/=',
    'sealed:v1:subject:a:AAAA:more',
    'sealed:v1:subject:%:AAAA',
    'sealed:v1:subject:%61:AAAA',
    'opened:v1:subject:a:AAAA',
    '',
  ])('%j is none', (text) => {
    expect(parseSealed(text)).toBeNull();
  });

  test('no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string(), (rest) => {
        expect(() => parseSealed(`sealed:v1:subject:${rest}`)).not.toThrow();
        expect(decrypt(key, '', Buffer.from(rest))).toBeNull();
      }),
    );
  });
});
