import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import { openShop, type RunningShop } from '@daybook/cli/demo/shop/shop.ts';
import { callerOf, must, signUp, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startLoad } from '../support/load.ts';
import { judge, settled } from '../support/oracle.ts';
import { modes, startSystem, type Mode, type System } from '../support/system.ts';
import { outageIsTold, watchOutage } from './outage.ts';
import { checked, track } from './stage.ts';

type Env = Readonly<Record<string, string>>;

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
}, 60_000);

async function shopAt(port = 0): Promise<RunningShop> {
  const shop = await openShop({ port, seed: 3, slowMs: 50 });
  open.push(shop.close);
  return shop;
}

async function system(mode: Mode, hosts: readonly string[], former?: System, env?: Env): Promise<System> {
  const running = await startSystem({
    mode,
    env: { OUTBOUND_ALLOW_HOSTS: hosts.join(','), ...env },
    ...(former === undefined ? {} : { folder: former.folder, addresses: former.addresses }),
  });
  open.push(running.discard);
  return running;
}

const enter = (running: System): Promise<Person> => signUp(callerOf(running.addresses));

describe.each(modes)('faults in %s', (mode) => {
  test('kill -9 of everything under load loses and doubles nothing', async () => {
    const shop = await shopAt();
    const first = await system(mode, [shop.host]);
    const person = await enter(first);
    const page = (n: number): string => `${shop.url}/products/harbour-mug?n=${String(n)}`;
    const load = startLoad({ person, page });
    await load.acknowledged(60);
    await first.kill();
    await load.stop();
    const acked = load.acked().length;
    expect(acked).toBeGreaterThanOrEqual(60);

    const second = await system(mode, [shop.host], first);
    await load.repeat();
    await settled(second.databaseUrl, 120_000);
    expect(
      await judge({ databaseUrl: second.databaseUrl, acked: load.acked(), outside: await mails(second) }),
    ).toEqual([]);
  }, 240_000);

  test('PostgreSQL killed under load: refusals say when to come back, and nothing acknowledged is lost', async () => {
    const shop = await shopAt();
    const running = await system(mode, [shop.host]);
    const person = await enter(running);
    const load = startLoad({
      person,
      page: (n) => `${shop.url}/products/fjord-kettle?n=${String(n)}`,
      pages: 8,
    });
    await load.acknowledged(40);
    const pidFile = join(running.folder, 'postgres', 'data', 'postmaster.pid');
    const watch = watchOutage(person, running);
    await watch.seen(5);
    process.kill(Number((await readFile(pidFile, 'utf8')).split('\n')[0]), 'SIGKILL');
    const before = load.acked().length;
    await load.acknowledged(before + 40);
    await load.stop();
    outageIsTold(await watch.stop());
    expect(load.failures().filter((status) => ![503, 504].includes(Number(status)))).toEqual([]);
    await load.repeat();
    await settled(running.databaseUrl, 120_000);
    expect(
      await judge({ databaseUrl: running.databaseUrl, acked: load.acked(), outside: await mails(running) }),
    ).toEqual([]);
    await eventually(async () => must(await callerOf(running.addresses)('GET', '/readyz'), 200));
  }, 240_000);
});

describe('one service after the other', () => {
  test('kill -9 of each under load, while the others go on, loses and doubles nothing', async () => {
    const shop = await shopAt();
    const running = await system('five processes', [shop.host]);
    const person = await enter(running);
    const load = startLoad({ person, page: (n) => `${shop.url}/products/brooklyn-bottle?n=${String(n)}` });
    for (const name of ['sagas', 'scrapers', 'projectors', 'query-service', 'command-service']) {
      await load.acknowledged(load.acked().length + 20);
      await running.killAndRestart(name);
    }
    await load.acknowledged(load.acked().length + 20);
    await load.stop();
    await load.repeat();
    await settled(running.databaseUrl, 120_000);
    expect(
      await judge({ databaseUrl: running.databaseUrl, acked: load.acked(), outside: await mails(running) }),
    ).toEqual([]);
  }, 240_000);
});

describe('shops', () => {
  test('a shop that is down is told of, and its prices come when it is back', async () => {
    const shop = await shopAt();
    const port = Number(new URL(shop.url).port);
    const running = await system('one process', [shop.host], undefined, { SCRAPER_BACK_OFF_MS: '100' });
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
    const running = await system('one process', [hostile.host]);
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

async function serve(listener: RequestListener): Promise<{ host: string; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  open.push(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  return { host: `127.0.0.1:${String((server.address() as AddressInfo).port)}`, server };
}

/** Mails handed over, one name each: the file name stands for the effect's id. */
async function mails({ folder }: System): Promise<readonly string[]> {
  const index = await readFile(join(folder, 'mailbox', 'index.txt'), 'utf8').catch(() => '');
  return index
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => /\S+\.eml/.exec(line)?.[0] ?? line);
}
