import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import { signRequest } from '../tokens/service-signature.ts';
import { httpCommandSender } from './http-command-sender.ts';
import { startServer } from './server.ts';
import { serviceSecret, startHttpSystem, type HttpSystem } from './system.fixture.ts';

describe('stopping', () => {
  test('lets requests under way end, closes what is idle, takes nothing new', async () => {
    const answers: (() => void)[] = [];
    const server = await startServer({
      port: 0,
      listener: (request, response) => {
        if (request.url === '/slow') answers.push(() => response.end('done'));
        else response.end('quick');
      },
    });
    const idle = connect(server.port, '127.0.0.1');
    const idleClosed = new Promise((done) => idle.on('close', done));
    idle.resume();
    const slow = fetch(`${server.url}/slow`);
    await eventually(() => {
      expect(answers).toHaveLength(1);
    });
    const stopped = server.stop(10_000);
    await idleClosed;
    await expect(fetch(`${server.url}/quick`)).rejects.toThrow();
    answers[0]?.();
    expect(await (await slow).text()).toBe('done');
    await stopped;
  });

  test('cuts off what takes longer than the grace', async () => {
    let asked = false;
    const server = await startServer({
      port: 0,
      listener: () => {
        asked = true;
      },
    });
    const hanging = fetch(server.url).then(
      () => 'answered',
      () => 'cut off',
    );
    await eventually(() => {
      expect(asked).toBe(true);
    });
    await server.stop(50);
    expect(await hanging).toBe('cut off');
  });

  test('is told by /readyz while /livez still answers', async () => {
    const system = await startHttpSystem();
    system.stopping.abort();
    expect((await system.call('GET', '/livez')).status).toBe(200);
    const reply = await system.call('GET', '/readyz');
    expect([reply.status, reply.json]).toEqual([
      503,
      { ready: false, parts: { process: { ready: false, detail: 'is stopping' } } },
    ]);
    await system.close();
  });
});

test('how ready the process is, is asked once for all who ask at once, and anew a second later', async () => {
  let asked = 0;
  let answer = (): void => undefined;
  const held = new Promise<void>((done) => {
    answer = done;
  });
  const system = await startHttpSystem({
    app: {
      ready: async () => {
        asked += 1;
        await held;
        return { ready: true, parts: { log: { ready: asked < 2 } } };
      },
    },
  });
  const paths = ['/readyz', '/health', '/api/health', '/readyz'];
  const under = Array.from({ length: 50 }, (_, index) => system.call('GET', paths[index % 4] ?? ''));
  await eventually(() => {
    expect(asked).toBe(1);
  });
  answer();
  expect(new Set((await Promise.all(under)).map(({ status }) => status))).toEqual(new Set([200]));
  // A machine that stands still may make the last of them, or one of two in succession, come a second later.
  expect(asked).toBeLessThanOrEqual(2);
  await eventually(async () => {
    await system.call('GET', '/readyz');
    const told = asked;
    await system.call('GET', '/readyz');
    expect(asked).toBe(told);
  });
  await eventually(async () => {
    expect((await system.call('GET', '/readyz')).json).toMatchObject({ parts: { log: { ready: false } } });
  });
  await system.close();
});

test('a degraded process takes requests, and says what waits', async () => {
  const parts = { kafka: { ready: true, degraded: true, detail: 'Kafka cannot be reached.' } } as const;
  const system = await startHttpSystem({
    app: { ready: () => Promise.resolve({ ready: true, degraded: true, parts }) },
  });
  expect(await system.call('GET', '/readyz')).toMatchObject({
    status: 200,
    json: { ready: true, degraded: true, parts },
  });
  expect(await system.call('GET', '/health')).toMatchObject({ status: 200, json: { status: 'degraded' } });
  await system.close();
});

test('a good answer of a moment ago does not outlive a request that failed', async () => {
  let isReady = true;
  const system = await startHttpSystem({
    app: { ready: () => Promise.resolve({ ready: isReady, parts: {} }) },
    around: () => ({ execute: () => Promise.reject(new Error('It is gone.')) }),
  });
  expect((await system.call('GET', '/health')).status).toBe(200);
  isReady = false;
  const token = await system.tokenOf();
  expect((await system.call('POST', '/v1/notes', { token, body: { text: 'x' } })).status).toBe(500);
  expect((await system.call('GET', '/health')).status).toBe(503);
  await system.close();
});

test('a port in use is said in plain words', async () => {
  const first = await startServer({ port: 0, listener: () => undefined });
  await expect(startServer({ port: first.port, listener: () => undefined })).rejects.toMatchObject({
    code: 'configuration-invalid',
    message: 'Another process listens on this port: stop it, or choose another PORT.',
  });
  await first.stop(0);
});

const delivery = {
  tenantId: 'shop-1',
  actor: { kind: 'process', id: 'priceChecks' },
  commandId: '0d6cbd1c-5b0f-4b7e-8f34-9b1d5cfb4f10',
  correlationId: 'request-9',
} as const;

test('behind a proxy only what was encrypted passes, and probes', async () => {
  const system = await startHttpSystem({ app: { trustProxy: ['loopback'], requireHttps: true } });
  const ask = (path: string, scheme: string) =>
    system.call('GET', path, { headers: { 'x-forwarded-proto': scheme } }).then(({ status }) => status);
  expect(await ask('/openapi.json', 'http')).toBe(403);
  expect(await ask('/openapi.json', 'https')).toBe(200);
  expect(await ask('/livez', 'http')).toBe(200);
  expect(await ask('/internal/commands/AddNote', 'http')).toBe(403);
  // Services reach each other beside the proxy, by signed requests; without a signature nothing passes there.
  const sender = httpCommandSender({ baseUrl: system.url, secret: serviceSecret });
  const call = { command: 'AddNote', input: { text: 'beside the proxy' } };
  expect(await sender.send(call, delivery)).toMatchObject({ ok: true });
  await sender.close();
  const unsigned = await system.call('POST', '/internal/commands/AddNote', { body: {} });
  expect([unsigned.status, unsigned.json?.['code']]).toEqual([401, 'signature-invalid']);
  await system.close();
});

describe('commands of other services', () => {
  let system: HttpSystem;
  beforeAll(async () => {
    system = await startHttpSystem();
  });
  afterAll(() => system.close());

  test('are handled as in the same process, once for a command id', async () => {
    const sender = httpCommandSender({ baseUrl: `${system.url}/`, secret: serviceSecret });
    const call = { command: 'AddNote', input: { text: 'from afar' } };
    const first = await sender.send(call, delivery);
    expect(first).toMatchObject({ ok: true, revision: 0, answer: { text: 'from afar' } });
    expect(await sender.send(call, delivery)).toEqual(first);
    for await (const [event] of system.store.readAll()) {
      expect(event?.metadata).toMatchObject({ ...delivery, tenantId: 'shop-1' });
    }
    expect(await sender.send({ command: 'Nothing', input: {} }, delivery)).toMatchObject({
      ok: false,
      rejection: { code: 'command-unknown' },
    });
    await sender.close();
  });

  test('without the secret are refused, and sent again once that is mended', async () => {
    const stranger = httpCommandSender({ baseUrl: system.url, secret: 'another secret' });
    await expect(stranger.send({ command: 'AddNote', input: { text: 'x' } }, delivery)).rejects.toMatchObject(
      {
        code: 'unavailable',
        retry: 'later',
        fields: { status: 401, problem: 'signature-invalid' },
      },
    );
    await stranger.close();
  });

  test('that are replayed, changed or malformed are refused', async () => {
    const path = '/internal/commands/AddNote';
    const body = JSON.stringify({ input: { text: 'x' }, delivery });
    const send = (headers: Record<string, string>, raw: string) =>
      system.call('POST', path, { raw, headers });
    const signed = signRequest(serviceSecret, { method: 'POST', path, body });
    expect((await send(signed, body)).status).toBe(200);
    expect((await send(signed, body)).json).toMatchObject({
      code: 'signature-invalid',
      about: { reason: 'replayed' },
    });
    const again = signRequest(serviceSecret, { method: 'POST', path, body });
    expect((await send(again, body.replace('"x"', '"y"'))).status).toBe(401);
    for (const other of [
      '{',
      '{}',
      '{"input":{}}',
      '{"input":[],"delivery":{}}',
      '{"input":{},"delivery":{"tenantId":"a"}}',
    ]) {
      const headers = signRequest(serviceSecret, { method: 'POST', path, body: other });
      expect((await send(headers, other)).status).toBe(400);
    }
  });

  test('unsigned or forged, with a big body, are refused before it is read', async () => {
    const path = '/internal/commands/AddNote';
    const size = 4_000_000;
    const signed = signRequest('another secret', { method: 'POST', path, body: 'x'.repeat(size) });
    for (const [headers, reason] of [
      [{}, 'missing'],
      [signed, 'forged'],
    ] as const) {
      const lines = Object.entries({ host: 'x', 'content-length': String(size), ...headers }).map(
        ([name, value]) => `${name}: ${value}\r\n`,
      );
      const socket = connect(system.server.port, '127.0.0.1');
      let heard = '';
      socket.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      const closed = new Promise((done) => socket.once('close', done));
      // The body begins and never goes on: whoever reads it whole does not answer.
      socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${'x'.repeat(1_000)}`);
      await closed;
      expect(heard).toMatch(/^HTTP\/1\.1 401 /);
      expect(heard).toContain(`"about":{"reason":"${reason}"}`);
    }
  });

  test('to nobody are unavailable; to somebody who does not answer, unknown', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    const { port } = silent.address() as { port: number };
    const sender = httpCommandSender({
      baseUrl: `http://127.0.0.1:${String(port)}`,
      secret: 's',
      timeoutMs: 100,
    });
    const call = { command: 'AddNote', input: {} };
    await expect(sender.send(call, delivery)).rejects.toMatchObject({ code: 'timeout', retry: 'later' });
    silent.closeAllConnections();
    await new Promise((done) => silent.close(done));
    await expect(sender.send(call, delivery)).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    await sender.close();
  });
});
