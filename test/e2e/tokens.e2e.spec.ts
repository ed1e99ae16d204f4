import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { accessTokens } from '@daybook/infra/tokens/access-tokens.ts';
import { sharedSecretRing } from '@daybook/infra/tokens/key-ring.ts';
import { callerOf, must, signUp, type Answer, type Person } from '../support/caller.ts';
import { startSystem, type System } from '../support/system.ts';

const secret = randomBytes(32).toString('base64url');
let system: System;
let person: Person;

beforeAll(async () => {
  system = await startSystem({ mode: 'one process', env: { JWT_SECRET: secret } });
  person = await signUp(callerOf(system.addresses));
}, 60_000);
afterAll(() => system.discard(), 60_000);

/** A token of the person, signed with a secret, which ends so many minutes from now, or ended before. */
async function tokenOf(signedWith: string, ttlMinutes: number): Promise<string> {
  const { userId, tenantId, email } = person;
  const tokens = accessTokens({ keys: sharedSecretRing(signedWith) });
  const bearer = { userId, tenantId, email, role: 'owner' } as const;
  return (await tokens.issue(bearer, { ttlMs: ttlMinutes * 60_000 })).token;
}

/** Answers of a query and a command to a token. */
function asked(token: string): Promise<readonly Answer[]> {
  const call = callerOf(system.addresses);
  const body = { url: 'https://shop.example/p/1' };
  return Promise.all([
    call('GET', '/v1/market/overview', { token }),
    call('POST', '/v1/market/products', { token, body }),
  ]);
}

test('a token that lives is accepted', async () => {
  const [query, command] = await asked(await tokenOf(secret, 5));
  must(query as Answer, 200);
  must(command as Answer, 200, 201);
});

test('an expired token is told so', async () => {
  for (const answer of await asked(await tokenOf(secret, -5))) {
    expect(answer).toMatchObject({ status: 401, body: { detail: 'Token has expired' } });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  }
});

test.each([
  ['signed with another secret', () => tokenOf('another secret of the same length', 5)],
  ['expired and signed with another secret', () => tokenOf('another secret of the same length', -5)],
  ['that claims more than it was signed for', async () => forged(await tokenOf(secret, 5))],
  ['without a signature', async () => unsigned(await tokenOf(secret, 5))],
  ['that is no token', () => Promise.resolve('not.a.token')],
])('a forged token, %s, is refused without a word more', async (_, forge) => {
  for (const answer of await asked(await forge())) {
    expect(answer).toMatchObject({ status: 401, body: { detail: 'Invalid token' } });
  }
});

function forged(token: string): string {
  const [head, payload = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  return [head, encoded({ ...claims, tenant: 'another-tenant' }), signature].join('.');
}

function unsigned(token: string): string {
  return [encoded({ alg: 'none', typ: 'JWT' }), token.split('.')[1], ''].join('.');
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
