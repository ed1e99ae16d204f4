import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync, zstdCompressSync, deflateSync, deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isDaybookError, type ErrorCode } from '@daybook/kernel/errors.ts';
import type { OutboundHttp } from '@daybook/kernel/ports/outside.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Resolver } from './address-guard.ts';
import { guardedHttp } from './guarded-http.ts';

const megabyte = 1024 * 1024;
const bomb = gzipSync(Buffer.alloc(100 * megabyte));
let server: Server;
let other: Server;
let http: OutboundHttp & { close(): Promise<void> };
let hits: IncomingMessage[] = [];

const pages: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/plain': (_, response) => response.setHeader('set-cookie', ['a=1', 'b=2']).end('hello'),
  '/gzip': (_, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync('hello')),
  '/br': (_, response) => response.setHeader('content-encoding', 'br').end(brotliCompressSync('hello')),
  '/zstd': (_, response) => response.setHeader('content-encoding', 'zstd').end(zstdCompressSync('hello')),
  '/deflate': (_, response) => response.setHeader('content-encoding', 'deflate').end(deflateSync('hello')),
  '/raw': (_, response) => response.setHeader('content-encoding', 'deflate').end(deflateRawSync('hello')),
  '/twice': (_, response) =>
    response.setHeader('content-encoding', 'gzip, br').end(brotliCompressSync(gzipSync('hello'))),
  '/broken': (_, response) => response.setHeader('content-encoding', 'gzip').end('not gzip'),
  '/unknown': (_, response) => response.setHeader('content-encoding', 'lzw').end('what'),
  '/bomb': (_, response) => response.setHeader('content-encoding', 'gzip').end(bomb),
  '/bomb-in-bomb': (_, response) => response.setHeader('content-encoding', 'gzip, gzip').end(gzipSync(bomb)),
  '/huge': (_, response) => {
    response.on('error', () => undefined);
    for (let i = 0; i < 50; i += 1) response.write(Buffer.alloc(megabyte));
    response.end();
  },
  '/declared': (_, response) => {
    response.writeHead(200, { 'content-length': String(50 * megabyte) });
    response.write('x');
  },
  '/drip': (_, response) => {
    const drops = setInterval(() => response.write('.'), 10);
    response.on('close', () => {
      clearInterval(drops);
    });
  },
  '/silent': () => undefined,
  '/headers': (_, response) => response.setHeader('x-long', 'x'.repeat(100_000)).end(),
  '/hang-up': (request) => request.socket.destroy(),
  '/away': (_, response) => response.writeHead(302, { location: '/plain' }).end(),
  '/circle': (_, response) => response.writeHead(302, { location: '/circle-2' }).end(),
  '/circle-2': (_, response) => response.writeHead(302, { location: '/circle' }).end(),
  '/metadata': (_, response) =>
    response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
  '/file': (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  '/credentials': (_, response) => response.writeHead(302, { location: 'http://u:p@shop.example/' }).end(),
  '/to-other': (_, response) => response.writeHead(307, { location: `${origin(other)}/seen` }).end(),
  '/see-other': (_, response) => response.writeHead(303, { location: '/seen' }).end(),
  '/error': (_, response) => response.writeHead(503).end('busy'),
};

beforeAll(async () => {
  server = await listen((request, response) => {
    hits.push(request);
    const url = new URL(request.url ?? '/', 'http://x');
    if (url.pathname === '/seen')
      response.end(JSON.stringify({ method: request.method, headers: request.headers }));
    else if (url.pathname === '/count') {
      const left = Number(url.searchParams.get('left'));
      if (left === 0) response.end('arrived');
      else response.writeHead(302, { location: `/count?left=${String(left - 1)}` }).end();
    } else pages[url.pathname]?.(request, response);
  });
  other = await listen((request, response) => {
    response.end(JSON.stringify({ method: request.method, headers: request.headers }));
  });
  http = guardedHttp({ log: silentLog, allowHosts: [authority(server), authority(other)] });
});

afterAll(async () => {
  await http.close();
  for (const one of [server, other]) {
    one.closeAllConnections();
    await new Promise((closed) => one.close(closed));
  }
});

describe('answers', () => {
  test('have lower-case headers, repeated ones joined', async () => {
    const answer = await http.fetch({ url: `${origin(server)}/plain` });
    expect([answer.status, answer.headers['set-cookie'], text(answer.body)]).toEqual([
      200,
      'a=1, b=2',
      'hello',
    ]);
  });

  test.each(['gzip', 'br', 'zstd', 'deflate', 'raw', 'twice'])('in %s are decoded', async (coding) => {
    expect(text((await http.fetch({ url: `${origin(server)}/${coding}` })).body)).toBe('hello');
  });

  test('with a status of 400 or more are answers', async () => {
    expect((await http.fetch({ url: `${origin(server)}/error` })).status).toBe(503);
  });

  test('after redirects say where they came from', async () => {
    const answer = await http.fetch({ url: `${origin(server)}/away` });
    expect([answer.url, text(answer.body)]).toEqual([`${origin(server)}/plain`, 'hello']);
  });

  test('may be the redirect itself', async () => {
    const answer = await http.fetch({ url: `${origin(server)}/away`, maxRedirects: 0 });
    expect([answer.status, answer.headers['location']]).toEqual([302, '/plain']);
  });
});

describe('limits', () => {
  test.each<[string, ErrorCode]>([
    ['/bomb', 'response-too-large'],
    ['/bomb-in-bomb', 'response-too-large'],
    ['/huge', 'response-too-large'],
    ['/declared', 'response-too-large'],
    ['/circle', 'redirect-loop'],
    ['/count?left=6', 'redirect-loop'],
    ['/broken', 'outside-failed'],
    ['/unknown', 'outside-failed'],
    ['/headers', 'outside-failed'],
    ['/hang-up', 'outside-failed'],
    ['/metadata', 'address-forbidden'],
    ['/file', 'address-forbidden'],
    ['/credentials', 'address-forbidden'],
  ])('%s ends as %s', async (path, code) => {
    await expectCode(http.fetch({ url: `${origin(server)}${path}` }), code);
  });

  test.each(['/drip', '/silent'])('%s ends when the time for the whole is over', async (path) => {
    const start = performance.now();
    await expectCode(http.fetch({ url: `${origin(server)}${path}`, timeoutMs: 200 }), 'timeout');
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test('as many redirects as allowed are followed', async () => {
    expect(text((await http.fetch({ url: `${origin(server)}/count?left=5` })).body)).toBe('arrived');
  });

  test('a bomb costs no more memory than its limit', async () => {
    const before = process.memoryUsage().rss;
    await expectCode(http.fetch({ url: `${origin(server)}/bomb`, maxBytes: megabyte }), 'response-too-large');
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * megabyte);
  });
});

describe('redirects', () => {
  const secret = { Authorization: 'Bearer x', Cookie: 'a=1', 'X-Own': 'kept' };

  test('to another origin drop what belongs to the first', async () => {
    const answer = await http.fetch({
      url: `${origin(server)}/to-other`,
      method: 'POST',
      body: '{}',
      headers: secret,
    });
    const seen = JSON.parse(text(answer.body)) as { method: string; headers: Record<string, string> };
    expect(seen.method).toBe('POST');
    expect(seen.headers).toMatchObject({ 'x-own': 'kept' });
    expect(seen.headers).not.toHaveProperty('authorization');
    expect(seen.headers).not.toHaveProperty('cookie');
  });

  test('within the origin keep it; 303 turns a POST into a GET', async () => {
    const answer = await http.fetch({
      url: `${origin(server)}/see-other`,
      method: 'POST',
      body: '{}',
      headers: { ...secret, 'content-type': 'application/json' },
    });
    const seen = JSON.parse(text(answer.body)) as { method: string; headers: Record<string, string> };
    expect([seen.method, seen.headers['authorization'], seen.headers['content-type']]).toEqual([
      'GET',
      'Bearer x',
      undefined,
    ]);
  });
});

describe('addresses', () => {
  test.each([
    'http://127.0.0.1:1/',
    'http://0x7f.1:1/',
    'http://2130706433:1/',
    'http://[::1]:1/',
    'http://[::ffff:127.0.0.1]:1/',
    'http://[64:ff9b::a00:1]/',
    'http://localhost:1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://10.1.2.3/',
    'http://100.64.0.1/',
    'ftp://shop.example/',
    'file:///etc/passwd',
    'http://user:secret@93.184.216.34/',
    'nonsense',
  ])('%s is refused without a connection', async (url) => {
    await expectCode(http.fetch({ url }), 'address-forbidden');
  });

  test('an allowed port of a host opens no other', async () => {
    const port = (other.address() as AddressInfo).port;
    const narrow = guardedHttp({ log: silentLog, allowHosts: [authority(server)] });
    await expectCode(narrow.fetch({ url: `http://127.0.0.1:${String(port)}/` }), 'address-forbidden');
    await expectCode(narrow.fetch({ url: `${origin(server)}/to-other` }), 'address-forbidden');
    await narrow.close();
  });

  test('a host is refused when one of its addresses is inside', async () => {
    const mixed = withResolver(() =>
      Promise.resolve([
        { address: '93.184.216.34', family: 4 },
        { address: '10.0.0.1', family: 4 },
      ]),
    );
    await expectCode(mixed.fetch({ url: 'http://mixed.example/' }), 'address-forbidden');
    await mixed.close();
  });

  test('a name that resolves to the inside only at the second question gains nothing', async () => {
    let asked = 0;
    hits = [];
    const port = (server.address() as AddressInfo).port;
    // 192.0.2.0/24 would be refused as documentation space; 1.0.0.0/32 is public and answers nobody from here.
    const rebinding = withResolver(() => {
      asked += 1;
      return Promise.resolve([{ address: asked === 1 ? '1.0.0.0' : '127.0.0.1', family: 4 }]);
    });
    const request = { url: `http://rebind.example:${String(port)}/plain`, timeoutMs: 2_000 };
    await expect(rebinding.fetch(request)).rejects.toThrow();
    expect(asked).toBe(1);
    await expectCode(rebinding.fetch(request), 'address-forbidden');
    expect(hits).toEqual([]);
    await rebinding.close();
  });

  test('an unknown host gives no answer', async () => {
    const nowhere = withResolver(() =>
      Promise.reject(Object.assign(new Error('not found'), { code: 'ENOTFOUND' })),
    );
    await expectCode(nowhere.fetch({ url: 'http://nowhere.example/' }), 'outside-failed');
    await nowhere.close();
  });
});

describe('through a proxy', () => {
  test('allowed hosts are reached directly, inside addresses not at all', async () => {
    let proxied = 0;
    const proxy = await listen((_, response) => {
      proxied += 1;
      response.end();
    });
    const through = guardedHttp({
      log: silentLog,
      allowHosts: [authority(server)],
      proxyUrls: [origin(proxy)],
      resolver: (name) =>
        Promise.resolve([{ address: name === 'inside.example' ? '10.0.0.1' : '93.184.216.34', family: 4 }]),
    });
    expect((await through.fetch({ url: `${origin(server)}/plain` })).status).toBe(200);
    await expectCode(through.fetch({ url: 'http://inside.example/' }), 'address-forbidden');
    expect(proxied).toBe(0);
    expect((await through.fetch({ url: 'http://outside.example/' })).status).toBe(200);
    expect(proxied).toBe(1);
    await through.close();
    proxy.closeAllConnections();
    await new Promise((closed) => proxy.close(closed));
  });
});

function withResolver(resolver: Resolver): OutboundHttp & { close(): Promise<void> } {
  return guardedHttp({ log: silentLog, resolver });
}

async function expectCode(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isDaybookError(error) ? error.code : error).toBe(code);
}

async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  const made = createServer(handler);
  await new Promise<void>((listening) => made.listen(0, '127.0.0.1', listening));
  return made;
}

function authority(one: Server): string {
  return `127.0.0.1:${String((one.address() as AddressInfo).port)}`;
}

function origin(one: Server): string {
  return `http://${authority(one)}`;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
