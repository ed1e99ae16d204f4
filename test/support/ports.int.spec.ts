import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { freePort } from './ports.ts';

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await new Promise((closed) => server.close(closed));
});

async function listenAt(port: number): Promise<number> {
  const server = createServer();
  open.push(server);
  await new Promise<void>((ready, fail) => {
    server.once('error', fail).listen(port, '127.0.0.1', ready);
  });
  return (server.address() as AddressInfo).port;
}

test('each port is another, free, and below those that the system gives to anybody', async () => {
  const given = await listenAt(0);
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  expect(new Set(ports).size).toBe(20);
  for (const port of ports) {
    expect(port).toBeLessThan(Math.min(given, 32_768));
    await listenAt(port);
  }
});
