import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import { openShop, type RunningShop } from '@daybook/cli/demo/shop/shop.ts';
import { checked, track } from '../e2e/stage.ts';
import { callerOf, must, signUp, type Person } from '../support/caller.ts';
import { freePort } from '../support/ports.ts';
import { startSystem, type System } from '../support/system.ts';

type Env = Readonly<Record<string, string>>;

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
}, 180_000);

async function shopAt(port: number): Promise<RunningShop> {
  const shop = await openShop({ port, seed: 3, slowMs: 50 });
  open.push(shop.close);
  return shop;
}

async function system(hosts: readonly string[], env?: Env): Promise<System> {
  const running = await startSystem({
    mode: 'one process',
    env: { OUTBOUND_ALLOW_HOSTS: hosts.join(','), ...env },
  });
  open.push(running.discard);
  return running;
}

const enter = (running: System): Promise<Person> => signUp(callerOf(running.addresses));

describe('shops', () => {
  test('a shop that is down is told of, and its prices come when it is back', async () => {
    const port = await freePort();
    const shop = await shopAt(port);
    const running = await system([shop.host], { SCRAPER_BACK_OFF_MS: '100' });
    const person = await enter(running);
    const { url } = shop.listing('lisbon-chair');
    // The scraper knows the shop's rules before it goes away; what it does without is a matter of its manners.
    await checked(person, await track(person, shop.listing('fjord-kettle').url), 'price');
    await shop.close();
    const productId = await track(person, url);
    expect(await checked(person, productId, 'unreachable', 60_000)).toMatchObject({
      price: null,
      lastProblem: expect.any(String),
    });
    await shopAt(port);
    must(await person.call('POST', `/v1/market/products/${productId}/check`), 202);
    await checked(person, productId, 'price', 60_000);
  }, 150_000);

  test('bombs, giants, silence and circles each end as what they are, within bounds', async () => {
    const hostile = await serve((request, response) => {
      const pages: Record<string, () => void> = {
        '/bomb': () => {
          response.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' });
          response.end(gzipSync(Buffer.alloc(60 * 1024 * 1024)));
        },
        '/giant': () => {
          response.writeHead(200, { 'content-type': 'text/html' });
          const chunk = Buffer.alloc(1024 * 1024, 'x');
          let left = 50;
          const more = (): void => {
            if (left-- <= 0 || response.destroyed) response.end();
            else if (response.write(chunk)) setImmediate(more);
            else response.once('drain', more);
          };
          more();
        },
        '/circle': () => response.writeHead(302, { location: '/circle' }).end(),
        '/inside': () => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
        '/image': () => response.writeHead(200, { 'content-type': 'image/png' }).end('PNG'),
        '/closed': () => response.writeHead(403).end('Access denied'),
        '/robots.txt': () => response.writeHead(404).end(),
      };
      (pages[request.url ?? ''] ?? (() => response.writeHead(404).end()))();
    });
    const running = await system([hostile.host]);
    const person = await enter(running);
    const outcomes = {
      '/bomb': 'tooLarge',
      '/giant': 'tooLarge',
      '/circle': 'redirectLoop',
      '/inside': 'forbiddenAddress',
      '/image': 'notContent',
      '/closed': 'blocked',
      '/away': 'missing',
    };
    for (const [path, outcome] of Object.entries(outcomes)) {
      const productId = await track(person, `http://${hostile.host}${path}`);
      expect(await checked(person, productId, outcome, 60_000)).toMatchObject({ price: null });
    }
  }, 150_000);
});

async function serve(listener: RequestListener): Promise<{ host: string }> {
  const server = createServer(listener);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  open.push(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  return { host: `127.0.0.1:${String((server.address() as AddressInfo).port)}` };
}
