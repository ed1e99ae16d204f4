import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { normalisedEmail, slug, tenantIdFrom, userIdFrom, workspaceIdFrom } from './identifiers.ts';

const uuid = 'c8e44f01-2345-5678-9abc-def012345678';

describe('identifiers', () => {
  test('have the forms of the contract', () => {
    expect(tenantIdFrom('Test Shop', uuid)).toBe('test-shop-c8e44f');
    expect(workspaceIdFrom(uuid)).toBe('proj-c8e44f01');
    expect(userIdFrom(uuid)).toBe('user-c8e44f0123');
  });

  test.each([
    ['Bäckerei Müller & Söhne', 'backerei-muller-sohne'],
    ['  --Ünïcode!!  ', 'unicode'],
    ['李记商店', ''],
    ['a'.repeat(60), 'a'.repeat(40)],
    [`${'a'.repeat(39)} b`, 'a'.repeat(39)],
  ])('the slug of %j is %j', (name, expected) => {
    expect(slug(name)).toBe(expected);
  });

  test('a business without a letter of a–z still gets an id', () => {
    expect(tenantIdFrom('李记商店', uuid)).toBe('tenant-c8e44f');
  });

  test('a tenant id is a slug and six digits, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        expect(tenantIdFrom(name, uuid)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*-c8e44f$/);
      }),
    );
  });

  test('spellings of one e-mail address are one', () => {
    expect(normalisedEmail(' Ada@Example.ORG ')).toBe(normalisedEmail('ada@example.org'));
    expect(normalisedEmail('é@example.org')).toBe(normalisedEmail('e\u0301@example.org'));
  });
});
