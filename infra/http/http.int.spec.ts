import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { startHttpSystem, type HttpSystem } from './system.fixture.ts';

let system: HttpSystem;
let token = '';
beforeAll(async () => {
  system = await startHttpSystem({ app: { corsOrigins: ['https://app.example'] } });
  token = await system.tokenOf();
});
afterAll(() => system.close());

async function addNote(text = 'first'): Promise<string> {
  const reply = await system.call('POST', '/v1/notes', { token, body: { text } });
  return (reply.json as { noteId: string }).noteId;
}

describe('commands', () => {
  test('answer with ids, revision and position', async () => {
    const reply = await system.call('POST', '/v1/notes', { token, body: { text: 'first' } });
    expect(reply.status).toBe(201);
    expect(reply.json).toEqual({ noteId: expect.any(String), text: 'first' });
    expect(reply.headers.get('etag')).toBe('"0"');
    expect(reply.headers.get('daybook-position')).toBe(await system.store.head());
    expect(reply.headers.get('cache-control')).toBe('no-store');
  });

  test('record who, for whom, and what the request was part of', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const reply = await system.call('POST', '/v1/notes', {
      token,
      body: { text: 'x' },
      headers: { 'x-correlation-id': 'request-7', traceparent },
    });
    expect(reply.headers.get('x-correlation-id')).toBe('request-7');
    const { noteId } = reply.json as { noteId: string };
    for await (const [event] of system.store.read(`note-${noteId}`)) {
      expect(event?.metadata).toMatchObject({
        tenantId: 'shop-1',
        actor: { kind: 'user', id: 'user-1' },
        correlationId: 'request-7',
        traceparent,
      });
    }
  });

  test('take path parameters and body as one input', async () => {
    const noteId = await addNote();
    const reply = await system.call('PUT', `/v1/notes/${noteId}`, { token, body: { text: 'second' } });
    expect([reply.status, reply.json, reply.headers.get('etag')]).toEqual([200, { text: 'second' }, '"1"']);
  });

  test('refused by the domain are problems with its code, its status and its facts', async () => {
    const noteId = await addNote();
    const refused = await system.call('PUT', `/v1/notes/${noteId}`, { token, body: { text: 'forbidden' } });
    expect(refused.status).toBe(409);
    expect(refused.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(refused.json).toEqual({
      type: 'urn:daybook:problem:text-forbidden',
      title: 'Text forbidden',
      status: 409,
      detail: 'That may not be said.',
      code: 'text-forbidden',
      about: { length: 9 },
      correlationId: refused.headers.get('x-correlation-id'),
    });
    const unknown = '7b6f5c2e-58a5-4b0b-8d0e-0f6f3d6f3a11';
    const missing = await system.call('PUT', `/v1/notes/${unknown}`, { token, body: { text: 'x' } });
    expect([missing.status, missing.json?.['code']]).toEqual([404, 'note-unknown']);
  });

  test('of a foreign tenant find nothing', async () => {
    const noteId = await addNote();
    const stranger = await system.tokenOf({ tenantId: 'shop-2' });
    const write = await system.call('PUT', `/v1/notes/${noteId}`, { token: stranger, body: { text: 'x' } });
    const read = await system.call('GET', `/v1/notes/${noteId}`, { token: stranger });
    expect([write.status, read.status]).toEqual([404, 404]);
  });

  test('with If-Match are decided on that revision or not at all', async () => {
    const noteId = await addNote();
    const change = (text: string, match: string): Promise<number> =>
      system
        .call('PUT', `/v1/notes/${noteId}`, { token, body: { text }, headers: { 'if-match': match } })
        .then(({ status }) => status);
    expect(await change('a', '"0"')).toBe(200);
    expect(await change('b', '"0"')).toBe(412);
    expect(await change('b', '*')).toBe(200);
    expect(await change('c', 'W/"2"')).toBe(400);
    const late = await system.call('PUT', `/v1/notes/${noteId}`, {
      token,
      body: { text: 'd' },
      headers: { 'if-match': '"1"' },
    });
    expect(late.json).toMatchObject({ code: 'precondition-failed', about: { revision: 2 } });
  });

  test('that are internal have no route', async () => {
    const reply = await system.call('POST', '/v1/sweep', { token, body: {} });
    expect([reply.status, reply.json?.['code']]).toEqual([404, 'not-found']);
  });

  test('that are public need no token', async () => {
    const reply = await system.call('POST', '/v1/knock', { body: { email: 'ada@example.com' } });
    expect([reply.status, reply.json]).toEqual([202, { email: 'ada@example.com' }]);
  });
});

describe('queries', () => {
  test('say how far they are', async () => {
    const noteId = await addNote('to be read');
    const reply = await system.call('GET', `/v1/notes/${noteId}`, { token });
    expect([reply.status, reply.json]).toEqual([200, { noteId, text: 'to be read' }]);
    expect(reply.headers.get('daybook-position')).toBe(await system.store.head());
  });

  test('are never silently behind', async () => {
    const head = await system.store.head();
    const reached = await system.call('GET', '/v1/notes', {
      token,
      headers: { 'daybook-min-position': head },
    });
    expect(reached.status).toBe(200);
    const later = await system.call('GET', '/v1/notes', {
      token,
      headers: { 'daybook-min-position': '9'.repeat(20) },
    });
    expect([later.status, later.headers.get('retry-after')]).toEqual([503, '1']);
    expect(later.json).toMatchObject({
      code: 'position-timeout',
      about: { position: '9'.repeat(20), reached: head, waitedMs: 50 },
    });
    for (const odd of ['a b', 'abc', '-1', '1.5', '9'.repeat(23)]) {
      const headers = { 'daybook-min-position': odd };
      const refused = await system.call('GET', '/v1/notes', { token, headers });
      expect([odd, refused.status, refused.json?.['code']]).toEqual([odd, 400, 'header-invalid']);
    }
  });

  test('take other forms by Accept', async () => {
    await addNote('comma');
    const ask = (accept: string) => system.call('GET', '/v1/notes?limit=1', { token, headers: { accept } });
    expect((await ask('text/csv')).headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect((await ask('text/csv')).text).toMatch(/^[\da-f-]{36},\w+\n$/);
    expect((await ask('*/*')).json).toMatchObject({ items: [{}] });
    expect((await ask('image/png')).status).toBe(406);
  });

  test.each([
    ['?limit=0', 'limit'],
    ['?limit=many', 'limit'],
    ['?limit=1&limit=2', 'limit'],
    ['?order=up', 'order'],
    ['?__proto__=1', '__proto__'],
    ['?word[$ne]=1', 'word[$ne]'],
  ])('refuse %s', async (search, field) => {
    const reply = await system.call('GET', `/v1/notes${search}`, { token });
    expect([reply.status, reply.json?.['code']]).toEqual([400, 'input-invalid']);
    expect(reply.json?.['errors']).toEqual([{ field, message: expect.any(String) }]);
  });
});

describe('callers', () => {
  test.each([
    ['no token', {}, 'token-missing', 'A bearer token is needed.'],
    ['another scheme', { authorization: 'Basic YTpi' }, 'token-invalid', 'Invalid token'],
    ['no token at all', { authorization: 'Bearer ' }, 'token-invalid', 'Invalid token'],
    ['nonsense', { authorization: 'Bearer a.b.c' }, 'token-invalid', 'Invalid token'],
  ])('with %s are refused', async (_, headers, code, detail) => {
    for (const [method, path] of [
      ['GET', '/v1/notes'],
      ['POST', '/v1/notes'],
      ['GET', '/v1/live'],
    ] as const) {
      const reply = await system.call(method, path, { headers });
      expect([reply.status, reply.json?.['code'], reply.json?.['detail']]).toEqual([401, code, detail]);
      expect(reply.headers.get('www-authenticate')).toContain('Bearer');
    }
  });

  test('are never taken for one another, however many come at once', async () => {
    const tenants = Array.from({ length: 40 }, (_, n) => `crowd-${String(n)}`);
    const tokens = await Promise.all(
      tenants.map((tenantId) => system.tokenOf({ tenantId, userId: `${tenantId}-user` })),
    );
    const adding = await Promise.all(
      tokens.map((each, n) =>
        system.call('POST', '/v1/notes', { token: each, body: { text: `of ${String(n)}` } }),
      ),
    );
    expect(new Set(adding.map(({ status }) => status))).toEqual(new Set([201]));
    const fresh = await Promise.all(tenants.map((tenantId) => system.tokenOf({ tenantId })));
    const lists = await Promise.all(fresh.map((each) => system.call('GET', '/v1/notes', { token: each })));
    expect(lists.map(({ json }) => (json?.['items'] as { text: string }[]).map(({ text }) => text))).toEqual(
      tenants.map((_, n) => [`of ${String(n)}`]),
    );
  });

  test('with an expired or a changed token are told so', async () => {
    const old = await system.tokenOf({}, -120_000);
    const expired = await system.call('GET', '/v1/notes', { token: old });
    expect([expired.status, expired.json?.['detail']]).toEqual([401, 'Token has expired']);
    const [head = '', claims = '', signature = ''] = token.split('.');
    const other = Buffer.from(claims, 'base64url').toString().replace('shop-1', 'shop-2');
    const forged = [head, Buffer.from(other).toString('base64url'), signature].join('.');
    const refused = await system.call('GET', '/v1/notes', { token: forged });
    expect([refused.status, refused.json?.['detail']]).toEqual([401, 'Invalid token']);
  });

  test('of a role that is not named are refused', async () => {
    const auditor = await system.tokenOf({ role: 'auditor' });
    expect((await system.call('GET', '/v1/notes', { token: auditor })).status).toBe(200);
    const write = await system.call('POST', '/v1/notes', { token: auditor, body: { text: 'x' } });
    expect([write.status, write.json?.['code']]).toEqual([403, 'forbidden']);
  });

  test('find the keys of tokens', async () => {
    const reply = await system.call('GET', '/.well-known/jwks.json');
    const { payload } = await jwtVerify(token, createLocalJWKSet(reply.json as unknown as JSONWebKeySet));
    expect(payload).toMatchObject({
      sub: 'user-1',
      tenant: 'shop-1',
      role: 'owner',
      email: 'ada@example.com',
    });
  });
});

describe('the interface', () => {
  test('tells 404 from 405, and which methods there are', async () => {
    expect((await system.call('GET', '/v1/nothing', { token })).json?.['code']).toBe('not-found');
    const reply = await system.call('DELETE', '/v1/notes', { token });
    expect([reply.status, reply.headers.get('allow')]).toEqual([405, 'POST, GET, HEAD, OPTIONS']);
    expect((await system.call('OPTIONS', '/v1/notes')).status).toBe(204);
  });

  test('gives every answer the headers of helmet', async () => {
    for (const path of ['/livez', '/v1/nothing', '/docs']) {
      const { headers } = await system.call('GET', path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('strict-transport-security')).toContain('max-age');
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });

  test('opens to the origins that are named and to no other', async () => {
    const from = (origin: string) => system.call('GET', '/livez', { headers: { origin } });
    expect((await from('https://app.example')).headers.get('access-control-allow-origin')).toBe(
      'https://app.example',
    );
    expect((await from('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    const preflight = await system.call('OPTIONS', '/v1/notes', {
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
  });

  test('tells of its health', async () => {
    expect((await system.call('GET', '/livez')).json).toEqual({ status: 'alive' });
    expect((await system.call('GET', '/readyz')).json).toEqual({
      ready: true,
      parts: { log: { ready: true } },
    });
    for (const path of ['/health', '/api/health']) {
      expect((await system.call('GET', path)).json).toEqual({ status: 'ok', version: '0.0.1' });
    }
  });

  test('measures requests by route, not by path', async () => {
    await system.call('GET', `/v1/notes/${await addNote()}`, { token });
    const { text } = await system.call('GET', '/metrics');
    expect(text).toMatch(
      /daybook_http_request_duration_seconds_count\{method="GET",route="\/v1\/notes\/\{noteId\}"/,
    );
    expect(text).not.toContain('shop-1');
  });

  test('serves its OpenAPI document and a page of it without scripts', async () => {
    const document = await system.call('GET', '/openapi.json');
    expect(document.json).toMatchObject({ openapi: '3.1.1', paths: { '/v1/notes': { get: {}, post: {} } } });
    const page = await system.call('GET', '/docs');
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.text).toContain('/v1/notes/{noteId}');
    expect(page.text).not.toMatch(/<script|https?:\/\//);
  });
});
