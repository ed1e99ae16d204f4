import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startHttpSystem, type CallOptions, type HttpSystem } from './system.fixture.ts';

let system: HttpSystem;
let token = '';
beforeAll(async () => {
  system = await startHttpSystem();
  token = await system.tokenOf();
});
afterAll(() => system.close());

async function post(options: CallOptions, path = '/v1/notes'): Promise<[number, unknown, unknown]> {
  const { status, json } = await system.call('POST', path, { token, ...options });
  const errors = json?.['errors'] as { field: string }[] | undefined;
  return [status, json?.['code'], errors?.map(({ field }) => field)];
}

/** What a server says to bytes on a bare connection until it closes it. */
function raw(text: string, { server } = system): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(server.port, '127.0.0.1');
    let heard = '';
    socket.on('data', (bytes) => (heard += bytes.toString()));
    socket.on('close', () => {
      done(heard);
    });
    socket.on('error', fail);
    socket.write(text);
  });
}

test('OPTIONS names the methods of all routers', async () => {
  const { status, headers } = await system.call('OPTIONS', '/v1/notes');
  expect([status, headers.get('allow')]).toEqual([204, 'POST, GET, HEAD, OPTIONS']);
});

describe('a body', () => {
  test.each<[string, CallOptions, string, string[] | undefined]>([
    ['that is not JSON', { raw: '{"text":' }, 'json-malformed', undefined],
    ['of a bare value', { raw: '"text"' }, 'json-malformed', undefined],
    ['that is a list', { raw: '[]' }, 'input-invalid', ['body']],
    ['with a wrong type', { body: { text: 7 } }, 'input-invalid', ['text']],
    ['without a field', { body: {} }, 'input-invalid', ['text']],
    ['that is missing', {}, 'input-invalid', ['text']],
    ['with an unknown field', { body: { text: 'x', tenantId: 'shop-2' } }, 'input-invalid', ['tenantId']],
    ['with a NUL', { body: { text: 'a\0b' } }, 'input-invalid', ['text']],
    [
      'with half of a surrogate pair',
      { raw: '{"text":"x","tags":["\\ud800"]}' },
      'input-invalid',
      ['tags.0'],
    ],
    ['with __proto__', { raw: '{"text":"x","__proto__":{"admin":true}}' }, 'input-invalid', ['__proto__']],
    [
      'with constructor',
      { body: { text: 'x', constructor: { prototype: 1 } } },
      'input-invalid',
      ['constructor'],
    ],
    [
      'with an unknown field inside',
      { body: { text: 'x', due: { cron: '* * * * *', timeZone: 'UTC', more: 1 } } },
      'input-invalid',
      ['due'],
    ],
    ['with several wrong fields', { body: { text: '', tags: [1] } }, 'input-invalid', ['text', 'tags.0']],
  ])('%s is refused', async (_, options, code, fields) => {
    expect(await post(options)).toEqual([400, code, fields]);
  });

  test('may not give what the path gives', async () => {
    const reply = await system.call('PUT', '/v1/notes/7b6f5c2e-58a5-4b0b-8d0e-0f6f3d6f3a11', {
      token,
      body: { noteId: '7b6f5c2e-58a5-4b0b-8d0e-0f6f3d6f3a12', text: 'x' },
    });
    expect(reply.json?.['errors']).toEqual([{ field: 'noteId', message: 'Is given by the path.' }]);
  });

  test('that is too large or too deep is refused', async () => {
    expect(await post({ body: { text: 'x'.repeat(20_000) } })).toEqual([413, 'body-too-large', undefined]);
    const deep = `${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`;
    expect(await post({ raw: deep })).toEqual([400, 'body-too-deep', undefined]);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
  ])('of type %s is refused', async (type) => {
    expect(await post({ raw: '{"text":"x"}', headers: { 'content-type': type } })).toEqual([
      415,
      'content-type-unsupported',
      undefined,
    ]);
  });

  test('that is compressed or in another character set is refused', async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.from(`{"text":"${'x'.repeat(5_000_000)}"}`)));
    expect((await post({ raw: bomb, headers: { 'content-encoding': 'gzip' } }))[0]).toBe(415);
    expect(
      (await post({ raw: '{}', headers: { 'content-type': 'application/json; charset=latin1' } }))[0],
    ).toBe(415);
  });

  test.each(['application/json', 'application/json; charset=utf-8', 'application/vnd.api+json'])(
    'of type %s is read',
    async (type) => {
      expect((await post({ raw: '{"text":"x"}', headers: { 'content-type': type } }))[0]).toBe(201);
    },
  );

  test('of any JSON gets an answer below 500 that is small', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 5 }), async (body) => {
        const reply = await system.call('POST', '/v1/notes', { token, raw: body });
        expect(reply.status).toBeLessThan(500);
        expect(reply.text.length).toBeLessThan(10_000);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a path', () => {
  test.each([
    '/v1/notes/%',
    '/v1/notes/%ff',
    '/v1/notes/..%2f..%2fetc',
    '/v1/notes/%00',
    '//',
    '/v1/notes/not-a-uuid',
  ])('%s gets a problem', async (path) => {
    const reply = await system.call('GET', path, { token });
    expect([400, 404]).toContain(reply.status);
    expect(reply.headers.get('content-type')).toContain('application/problem+json');
  });

  test('of any characters gets an answer below 500', async () => {
    await fc.assert(
      fc.asyncProperty(fc.webPath(), fc.webQueryParameters(), async (path, search) => {
        const reply = await system.call('GET', `/v1/notes/${path.replaceAll('#', '')}?${search}`, { token });
        expect(reply.status).toBeLessThan(500);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a connection', () => {
  test('that says no HTTP is told so and closed', async () => {
    expect(await raw('hello there\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"request-malformed"/);
  });

  test('with huge headers is told so and closed', async () => {
    const heard = await raw(`GET /livez HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(40_000)}\r\n\r\n`);
    expect(heard).toMatch(/^HTTP\/1\.1 431 [\s\S]*"code":"headers-too-large"/);
  });

  test('that sends slowly is told so and closed', async () => {
    const hurried = await startHttpSystem({ server: { headersTimeoutMs: 300, requestTimeoutMs: 600 } });
    expect(await raw('GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ', hurried)).toContain('408');
    const body =
      'POST /v1/notes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n';
    const bearer = await hurried.tokenOf();
    expect(await raw(`${body}authorization: Bearer ${bearer}\r\n\r\n{"te`, hurried)).toContain('408');
    await hurried.close();
  });
});

test('a bug is answered without its text, and logged with its place', async () => {
  const broken = await startHttpSystem({
    around: () => ({ execute: () => Promise.reject(new Error('planted detail')) }),
  });
  const reply = await broken.call('POST', '/v1/notes', {
    token: await broken.tokenOf(),
    body: { text: 'x' },
  });
  expect([reply.status, reply.json?.['code']]).toEqual([500, 'internal-error']);
  expect(reply.text).not.toContain('planted');
  expect(broken.log.lines.find(({ level }) => level === 'error')).toMatchObject({
    message: 'A request failed.',
    fields: {
      route: '/v1/notes',
      correlationId: reply.json?.['correlationId'],
      error: { message: 'planted detail' },
    },
  });
  await broken.close();
});

test('no token, e-mail address or body stands in any log line', async () => {
  const planted = 'planted-secret-text';
  const bearer = await system.tokenOf({ email: 'planted@example.com' });
  const headers = { 'idempotency-key': 'planted-key' };
  await system.call('POST', '/v1/notes', { token: bearer, body: { text: planted }, headers });
  await system.call('POST', '/v1/notes', { token: bearer, body: { text: planted.repeat(20) }, headers });
  await system.call('POST', '/v1/knock', { body: { email: 'planted@example.com', [planted]: 1 } });
  await system.call('POST', '/v1/knock', { raw: `{"email":"planted@example.com` });
  await system.call('GET', `/v1/notes?word=${planted}&email=planted@example.com`, { token: bearer });
  await system.call('GET', `/v1/notes/planted@example.com`, { token: `${bearer}planted` });
  const lines = JSON.stringify(system.log.lines);
  expect(system.log.lines.length).toBeGreaterThan(5);
  expect(lines).not.toContain('planted');
  expect(lines).not.toContain(bearer.slice(0, 30));
});
