import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTracing, withSpan } from './tracing.ts';

type Posted = Readonly<{ path: string | undefined; body: string }>;

let collector: Server;
const posted: Posted[] = [];

beforeAll(async () => {
  collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      posted.push({ path: request.url, body: Buffer.concat(chunks).toString() });
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((listening) => collector.listen(0, '127.0.0.1', listening));
});
afterAll(async () => {
  await new Promise((closed) => collector.close(closed));
});

test('an endpoint of the configuration gets the spans, at the latest at the stop', async () => {
  const { port } = collector.address() as AddressInfo;
  const tracing = await startTracing({ serviceName: 'shop', endpoint: `http://127.0.0.1:${String(port)}/` });
  expect(tracing.recording).toBe(true);
  await withSpan('handle', { kind: 'server' }, () => undefined);
  await tracing.stop();
  expect(posted.map(({ path }) => path)).toEqual(['/v1/traces']);
  expect(posted[0]?.body).toContain('handle');
  expect(posted[0]?.body).toContain('shop');
});
