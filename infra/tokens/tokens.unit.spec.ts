import { describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import { accessTokens, type AccessTokens, type Bearer } from './access-tokens.ts';
import { sharedSecretRing } from './key-ring.ts';
import { memoryNonces } from './nonces.ts';
import {
  checkBody,
  checkHead,
  signatureHeaders,
  signRequest,
  type SignatureCheck,
} from './service-signature.ts';

const ada: Bearer = {
  userId: 'user-1',
  email: 'ada@example.com',
  role: 'owner',
  tenantId: 'test-shop-c8e44f',
};
const secret = 'an-old-secret-that-clients-share';

function tokensAt(
  clock: { ms: number },
  more: Partial<Parameters<typeof accessTokens>[0]> = {},
): AccessTokens {
  return accessTokens({ keys: sharedSecretRing(secret), now: () => clock.ms, ...more });
}

describe('access tokens', () => {
  const clock = { ms: Date.parse('2026-01-01T00:00:00Z') };

  test('a token says who, in which role, for which tenant', async () => {
    const tokens = tokensAt(clock);
    const { token, expiresAt } = await tokens.issue(ada);
    expect(expiresAt).toBe('2026-01-01T00:15:00.000Z');
    expect(await tokens.verify(token)).toEqual({
      ok: true,
      principal: {
        actor: { kind: 'user', id: 'user-1' },
        tenantId: 'test-shop-c8e44f',
        role: 'owner',
        tokenId: expect.any(String),
        until: Date.parse('2026-01-01T00:15:30.000Z'),
      },
    });
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as object;
    expect(Object.keys(claims).sort()).toEqual([
      'aud',
      'email',
      'exp',
      'iat',
      'iss',
      'jti',
      'role',
      'sub',
      'tenant',
    ]);
  });

  test('a second look at a token needs no signature check and no promise', async () => {
    const tokens = tokensAt(clock);
    const { token } = await tokens.issue(ada);
    const first = await tokens.verify(token);
    expect(tokens.verify(token)).toBe(first);
  });

  test('a remembered token expires like any other', async () => {
    const time = { ms: clock.ms };
    const tokens = tokensAt(time, { cacheTtlMs: 3_600_000 });
    const { token } = await tokens.issue(ada, { ttlMs: 60_000 });
    expect(await tokens.verify(token)).toMatchObject({ ok: true });
    time.ms += 80_000;
    expect(await tokens.verify(token)).toMatchObject({ ok: true });
    time.ms += 20_000;
    expect(await tokens.verify(token)).toEqual({ ok: false, reason: 'expired' });
    expect(await tokens.verify(token)).toEqual({ ok: false, reason: 'expired' });
  });

  test('the memory of tokens is bounded', async () => {
    const tokens = tokensAt(clock, { cacheSize: 2 });
    const issued = await Promise.all([1, 2, 3].map(() => tokens.issue(ada)));
    for (const { token } of issued) await tokens.verify(token);
    expect(tokens.verify(issued[0]?.token ?? '')).toBeInstanceOf(Promise);
    expect(tokens.verify(issued[2]?.token ?? '')).not.toBeInstanceOf(Promise);
  });

  test.each<[string, (claims: Record<string, unknown>) => Record<string, unknown>, string]>([
    ['another secret', (claims) => claims, 'somebody-else-made-this-secret-up'],
    ['another issuer', (claims) => ({ ...claims, iss: 'other' }), secret],
    ['another audience', (claims) => ({ ...claims, aud: 'other' }), secret],
    ['no tenant', (claims) => ({ ...claims, tenant: undefined }), secret],
    ['an empty tenant', (claims) => ({ ...claims, tenant: '' }), secret],
    ['a tenant that is no text', (claims) => ({ ...claims, tenant: ['a'] }), secret],
    ['a made-up role', (claims) => ({ ...claims, role: 'root' }), secret],
    ['no expiry', (claims) => ({ ...claims, exp: undefined }), secret],
    ['no id', (claims) => ({ ...claims, jti: undefined }), secret],
  ])('%s is invalid', async (_, change, signedWith) => {
    const now = Math.floor(clock.ms / 1_000);
    const claims = change({
      sub: 'user-1',
      tenant: 'test-shop-c8e44f',
      role: 'owner',
      jti: 'token-1',
      iss: 'daybook',
      aud: 'daybook',
      exp: now + 60,
    });
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(signedWith));
    expect(await tokensAt(clock).verify(token)).toEqual({ ok: false, reason: 'invalid' });
  });

  test.each([
    '',
    'x',
    'a.b',
    'a.b.c',
    '..',
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"user-1"}').toString('base64url')}.`,
    'é.ü.ß',
    'x'.repeat(20_000),
  ])('%.20s is invalid', async (token) => {
    expect(await tokensAt(clock).verify(token)).toEqual({ ok: false, reason: 'invalid' });
  });
});

describe('signed requests between services', () => {
  const request = { method: 'POST', path: '/internal/commands/TrackProduct', body: '{"input":{}}' };
  const at = 1_767_225_600_000;

  async function check(
    secretOfReceiver: string,
    received: typeof request,
    headers: Parameters<typeof checkHead>[2],
    nonces: Parameters<typeof checkBody>[2],
    now: number,
  ): Promise<SignatureCheck> {
    const head = checkHead(secretOfReceiver, received, headers, now);
    return head.ok ? checkBody(head, received.body, nonces) : head;
  }

  test('one that was signed is accepted once', async () => {
    const nonces = memoryNonces();
    const headers = signRequest('secret', request, at);
    expect(await check('secret', request, headers, nonces, at + 5_000)).toEqual({ ok: true });
    expect(await check('secret', request, headers, nonces, at + 6_000)).toEqual({
      ok: false,
      reason: 'replayed',
    });
  });

  test('the headers alone tell who signed', () => {
    const { body, ...head } = request;
    const headers = signRequest('secret', { ...head, body }, at);
    expect(checkHead('secret', head, headers, at)).toMatchObject({ ok: true });
    expect(checkHead('other', head, headers, at)).toEqual({ ok: false, reason: 'forged' });
  });

  test.each([
    ['another secret', { secret: 'other' }, 'forged'],
    ['another body', { request: { ...request, body: '{}' } }, 'forged'],
    ['another path', { request: { ...request, path: '/internal/commands/EraseAll' } }, 'forged'],
    ['another method', { request: { ...request, method: 'PUT' } }, 'forged'],
    ['a later hour', { now: at + 3_600_000 }, 'stale'],
    ['an earlier hour', { now: at - 3_600_000 }, 'stale'],
    ['no signature', { headers: { [signatureHeaders.signature]: undefined } }, 'missing'],
    ['half a signature', { headers: { [signatureHeaders.signature]: 'ab' } }, 'forged'],
    ['another timestamp', { headers: { [signatureHeaders.timestamp]: String(at + 1) } }, 'forged'],
    ['another nonce', { headers: { [signatureHeaders.nonce]: 'x' } }, 'forged'],
    ['no hash of the body', { headers: { [signatureHeaders.bodyHash]: undefined } }, 'missing'],
    ['the hash of another body', { headers: { [signatureHeaders.bodyHash]: 'ab' } }, 'forged'],
    ['two nonces', { headers: { [signatureHeaders.nonce]: ['a', 'b'] } }, 'missing'],
  ])('%s is refused', async (_, change, reason) => {
    const given: {
      secret?: string;
      request?: typeof request;
      now?: number;
      headers?: Record<string, string | string[] | undefined>;
    } = change;
    const headers = { ...signRequest('secret', request, at), ...given.headers };
    expect(
      await check(
        given.secret ?? 'secret',
        given.request ?? request,
        headers,
        memoryNonces(),
        given.now ?? at,
      ),
    ).toEqual({ ok: false, reason });
  });

  test('nonces are forgotten once their requests are stale', async () => {
    let now = 0;
    const nonces = memoryNonces(() => now);
    expect(await nonces.use('a', 100)).toBe(true);
    expect(await nonces.use('a', 100)).toBe(false);
    now = 101;
    expect(await nonces.use('a', 100)).toBe(true);
  });
});
