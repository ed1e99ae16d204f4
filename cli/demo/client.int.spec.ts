import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { InterfaceError, liveEvents, makeClient, type Client } from './client.ts';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((closed) => server?.close(closed));
});

async function clientOf(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Client> {
  server = createServer(handle);
  await new Promise<void>((open) => server?.listen(0, '127.0.0.1', open));
  return makeClient(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, () => 'token');
}

test('a busy system is asked again with the same key', async () => {
  const keys: unknown[] = [];
  const client = await clientOf((request, response) => {
    keys.push(request.headers['idempotency-key']);
    if (keys.length < 3) response.writeHead(503, { 'retry-after': '0' }).end();
    else response.writeHead(201).end('{"productId":"p"}');
  });
  expect(await client.send('POST', '/x', { a: 1 })).toEqual({ productId: 'p' });
  expect(new Set(keys).size).toBe(1);
});

test('a refusal carries what the problem says', async () => {
  const client = await clientOf((_, response) => {
    response.writeHead(409).end('{"code":"already-tracked","detail":"It is tracked."}');
  });
  const refusal = client.send('DELETE', '/x');
  await expect(refusal).rejects.toBeInstanceOf(InterfaceError);
  await expect(refusal).rejects.toMatchObject({ status: 409, code: 'already-tracked' });
});

test('an answer tells its position; text that is no JSON is kept as detail', async () => {
  const client = await clientOf((request, response) => {
    if (request.url === '/bad') response.writeHead(500).end('<oops>');
    else response.writeHead(200, { 'daybook-position': '7' }).end('[]');
  });
  expect(await client.get('/x')).toEqual({ body: [], position: '7' });
  await expect(client.get('/bad')).rejects.toThrow('<oops>');
});

test('live events are read whole, however the bytes are cut', async () => {
  const text =
    ': hello\n\nid: 1\nevent: PriceObserved\ndata: {"a":\ndata: 1}\n\nevent: nothing\n\ndata: plain\r\n\r\n';
  const bytes = new TextEncoder().encode(text);
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (let at = 0; at < bytes.length; at += 5) controller.enqueue(bytes.slice(at, at + 5));
      controller.close();
    },
  });
  const seen = [];
  for await (const event of liveEvents(stream)) seen.push(event);
  expect(seen).toEqual([
    { id: '1', data: { a: 1 } },
    { id: '', data: { detail: 'plain' } },
  ]);
});

test('a stream is followed with its last event id', async () => {
  const client = await clientOf((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`id: ${String(request.headers['last-event-id'])}\ndata: 1\n\n`);
  });
  const { signal } = new AbortController();
  for await (const event of client.follow('/live', { signal, lastEventId: '9' })) expect(event.id).toBe('9');
});
