import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { scrapeRequestsTopic } from '@daybook/schemas/topics.ts';
import type { CheckOutcome, Source } from '@daybook/schemas/types/types.generated.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import {
  openFixtureShop,
  pricePage,
  type Answer,
  type FixtureShop,
} from '@daybook/test/support/fixture-shop.ts';
import { openScraperBench, type ScraperBench } from '@daybook/test/support/scraper-bench.ts';
import { observationIdOf } from './observation.ts';

let shop: FixtureShop;
let other: FixtureShop;
let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let bench: ScraperBench;

beforeEach(async () => {
  [shop, other, fresh] = await Promise.all([openFixtureShop(), openFixtureShop(), freshDatabase()]);
  bench = await openScraperBench({
    database: fresh.database,
    hosts: [shop.host, other.host],
    log: silentLog,
  });
});

afterEach(async () => {
  await bench.close();
  await Promise.all([shop.close(), other.close(), fresh.drop()]);
});

async function observed(requestId: string, withinMs = 15_000) {
  return eventually(
    () => {
      const observation = bench.of(requestId);
      if (observation === undefined) throw new Error(`No observation answers ${requestId}.`);
      return observation;
    },
    { withinMs },
  );
}

const answer =
  (status: number, body = '', headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body);

describe('a price', () => {
  test('is observed with what the page says, and its snapshot is kept', async () => {
    shop.page('/lamp', pricePage('1,234.50', 'EUR', 'Lamp'));
    bench.start();
    const productId = randomUUID();
    const requestId = await bench.ask(shop.url('/lamp'), { productId });
    const observation = await observed(requestId);
    expect(observation).toMatchObject({
      observationId: observationIdOf(requestId),
      productId,
      url: shop.url('/lamp'),
      outcome: 'price',
      price: { amountMinor: 123450, currency: 'EUR' },
      title: 'Lamp',
      method: 'jsonLd',
      extractorVersion: 1,
      status: 200,
      detail: null,
    });
    expect(bench.messageIds).toEqual([observation.observationId]);
    const snapshot = await bench.objects.get(observation.snapshotHash ?? '');
    expect(Buffer.from(snapshot ?? []).toString()).toBe(pricePage('1,234.50', 'EUR', 'Lamp'));
  });

  test('is read in the encoding of the page', async () => {
    const page =
      '<html lang="fr"><meta charset="windows-1252"><title>Café</title><p class="product-price">12,50 €</p></html>';
    const bytes = Buffer.from(page.replace('€', '\x80'), 'latin1');
    shop.page('/cafe', (_, response) => response.setHeader('content-type', 'text/html').end(bytes));
    bench.start();
    expect(await observed(await bench.ask(shop.url('/cafe')))).toMatchObject({
      price: { amountMinor: 1250, currency: 'EUR' },
      title: 'Café',
    });
  });

  test('of a Shopify store is found beside the page', async () => {
    shop.page(
      '/products/mug',
      '<html><script>Shopify.currency = {"active":"CAD"};</script><h1>Mug</h1></html>',
    );
    shop.page('/products/mug.js', (_, response) =>
      response
        .setHeader('content-type', 'application/json')
        .end(
          '{"title":"Mug","price":1900,"available":true,"variants":[{"id":1,"price":1900,"available":true}]}',
        ),
    );
    bench.start();
    expect(await observed(await bench.ask(shop.url('/products/mug'), { source: 'shopify' }))).toMatchObject({
      outcome: 'price',
      method: 'productJson',
      price: { amountMinor: 1900, currency: 'CAD' },
      availability: 'inStock',
    });
  });

  test('keeps cookies over redirects where sessions are on', async () => {
    shop.page('/door', (request, response) => {
      const inside = (request.headers.cookie ?? '').includes('seen=yes');
      if (inside) response.setHeader('content-type', 'text/html').end(pricePage('5'));
      else response.writeHead(302, { location: '/stamp' }).end();
    });
    shop.page(
      '/stamp',
      answer(302, '', { location: '/door', 'set-cookie': 'seen=yes; Expires=Wed, 21 Oct 2099 07:28:00 GMT' }),
    );
    bench.start({ config: { sessions: true } });
    expect(await observed(await bench.ask(shop.url('/door')))).toMatchObject({ outcome: 'price' });
  });
});

describe('every other page has an outcome of its own, and never a price', () => {
  const price = pricePage('9.99');
  const cases: readonly (readonly [string, Answer | string, CheckOutcome, Source?])[] = [
    ['gone', answer(410, price), 'missing'],
    ['not there', answer(404, price), 'missing'],
    ['a page that says so itself', '<title>Page not found</title><h1>Oops</h1>', 'missing'],
    ['a redirect to the front page', answer(302, '', { location: '/' }), 'missing'],
    ['forbidden', answer(403, price), 'blocked'],
    ['a wall', '<title>Access Denied</title><p>Reference #18.2d', 'blocked'],
    ['a puzzle', answer(403, '<div class="g-recaptcha"></div>'), 'captcha'],
    [
      'a puzzle with a success',
      '<title>Shop</title><form action="/errors/validateCaptcha"></form>',
      'captcha',
    ],
    ['no price', '<title>Desk</title><h1>Desk</h1><p>Price on request', 'noPrice'],
    [
      'a product without a price',
      '<script type="application/ld+json">{"@type":"Product","name":"x"}</script>',
      'noPrice',
    ],
    ['scripts, and no browser', '<div id="app"></div><script src="/app.js"></script>', 'needsBrowser'],
    ['a picture', (_, response) => response.setHeader('content-type', 'image/png').end('png'), 'notContent'],
    ['nothing', answer(200), 'notContent'],
    ['a circle', answer(302, '', { location: '/page' }), 'redirectLoop'],
    ['a way inside', answer(302, '', { location: 'http://169.254.169.254/latest/' }), 'forbiddenAddress'],
    [
      'a gzip bomb',
      (_, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(20_000_000))),
      'tooLarge',
    ],
  ];

  test.each(cases.map(([name, page, outcome]) => [name, outcome, page] as const))(
    '%s is %s',
    async (_, outcome, page) => {
      shop.page('/page', page);
      shop.page('/', '<title>Front</title><h1>Welcome</h1>');
      bench.start();
      const observation = await observed(await bench.ask(shop.url('/page')));
      expect(observation).toMatchObject({ outcome, price: null, method: null });
      expect(observation.detail).toMatch(/\w.*\.$/);
    },
  );

  test('a page that had a price and describes no product any more has changed', async () => {
    shop.page('/page', price);
    bench.start();
    const productId = randomUUID();
    await observed(await bench.ask(shop.url('/page'), { productId }));
    shop.page('/page', '<title>Magazine</title><h1>Ten ideas</h1>');
    expect(await observed(await bench.ask(shop.url('/page'), { productId }))).toMatchObject({
      outcome: 'changed',
      price: null,
    });
  });

  test('a slow page is slow, after it was tried again', async () => {
    let asked = 0;
    shop.page('/slow', () => (asked += 1));
    bench.start({ config: { pageTimeoutMs: 1_000 } });
    expect(await observed(await bench.ask(shop.url('/slow')), 25_000)).toMatchObject({ outcome: 'slow' });
    expect(asked).toBe(3);
  });

  test('an address inside is not asked', async () => {
    bench.start();
    expect(await observed(await bench.ask('http://127.0.0.1:1/'))).toMatchObject({
      outcome: 'forbiddenAddress',
    });
  });
});

describe('manners', () => {
  test('robots.txt is obeyed, and asked for once', async () => {
    shop.page('/robots.txt', answer(200, 'User-agent: DaybookBot\nDisallow: /private/\n'));
    shop.page('/private/x', pricePage('1'));
    shop.page('/public', pricePage('1'));
    bench.start();
    const ids = [await bench.ask(shop.url('/private/x')), await bench.ask(shop.url('/public'))];
    expect((await observed(ids[0] ?? '')).outcome).toBe('robotsDisallowed');
    expect((await observed(ids[1] ?? '')).outcome).toBe('price');
    expect(shop.visits.map(({ path }) => path)).toEqual(['/robots.txt', '/public']);
  });

  test('nothing is fetched where robots.txt cannot be had', async () => {
    shop.page('/robots.txt', answer(500));
    shop.page('/x', pricePage('1'));
    bench.start();
    await bench.ask(shop.url('/x'));
    await eventually(() => expect(shop.visits.length).toBeGreaterThan(0));
    const state = await eventually(async () => {
      const { rows } = await fresh.database.pool.query<{ failures: number }>(
        'select failures from scraping.hosts',
      );
      expect(rows[0]?.failures).toBeGreaterThan(0);
      return rows;
    });
    expect(state).toHaveLength(1);
    expect(shop.visits.every(({ path }) => path === '/robots.txt')).toBe(true);
  });

  test.each([1, 3])(
    'a host is asked one page at a time, with its delay, by all scrapers for %i tenants',
    async (tenants) => {
      shop.page('/robots.txt', answer(200, 'User-agent: *\nCrawl-delay: 0.3\n'));
      const ids: string[] = [];
      for (let i = 0; i < 6; i += 1) {
        shop.page(`/p${String(i)}`, pricePage('1'));
        ids.push(await bench.ask(shop.url(`/p${String(i)}`), { tenantId: `tenant-${String(i % tenants)}` }));
      }
      bench.start();
      bench.start();
      bench.start();
      for (const id of ids) expect((await observed(id, 20_000)).outcome).toBe('price');
      expect(shop.mostOpen()).toBe(1);
      const pages = shop.visits.filter(({ path }) => path !== '/robots.txt');
      const order = pages.map(({ path }) => Number(path.slice(2)));
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5]);
      for (let tenant = 0; tenant < tenants; tenant += 1) {
        const own = order.filter((page) => page % tenants === tenant);
        expect(own).toEqual([...own].sort());
      }
      const gaps = pages.slice(1).map(({ at }, index) => at - (pages[index]?.at ?? 0));
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(280);
    },
  );

  test('a slow host does not hold up the others', async () => {
    shop.page('/slow', () => undefined);
    other.page('/quick', pricePage('1'));
    bench.start({ config: { pageTimeoutMs: 20_000 } });
    for (let i = 0; i < 5; i += 1) await bench.ask(shop.url('/slow'));
    await eventually(() => expect(shop.visits.some(({ path }) => path === '/slow')).toBe(true));
    const start = performance.now();
    expect((await observed(await bench.ask(other.url('/quick')))).outcome).toBe('price');
    expect(performance.now() - start).toBeLessThan(15_000);
    // Ends what is open, so that the scraper can stop.
    await shop.close();
  });

  test('a pause the shop asks for is kept, and then the page is asked for again', async () => {
    let asked = 0;
    shop.page('/busy', (request, response) => {
      asked += 1;
      if (asked === 1) answer(429, '', { 'retry-after': '3' })(request, response);
      else response.setHeader('content-type', 'text/html').end(pricePage('7'));
    });
    bench.start();
    expect(await observed(await bench.ask(shop.url('/busy')))).toMatchObject({ outcome: 'price' });
    const [first, second] = shop.visits.filter(({ path }) => path === '/busy');
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(2_900);
  });

  test('a pause that is too long is an outcome at once', async () => {
    shop.page('/busy', answer(503, '', { 'retry-after': '7200' }));
    bench.start();
    expect(await observed(await bench.ask(shop.url('/busy')))).toMatchObject({
      outcome: 'blocked',
      status: 503,
    });
    await eventually(async () => {
      const { rows } = await fresh.database.pool.query<{ seconds: number }>(
        `select extract(epoch from next_at - now())::float8 as seconds from scraping.hosts`,
      );
      // What it asks for is longer than what is ever kept.
      expect(rows[0]?.seconds).toBeGreaterThan(3_500);
      expect(rows[0]?.seconds).toBeLessThanOrEqual(3_600);
    });
  });
});

describe('deaths', () => {
  function dying(topics: Topics, when: 'before' | 'after'): Topics {
    return {
      ...topics,
      publish: async (topic, messages) => {
        if (when === 'after') await topics.publish(topic, messages);
        throw new Error('The process died here.');
      },
    };
  }

  test.each(['before', 'after'] as const)(
    '%s the observation was published: the request is handled again under the same id',
    async (when) => {
      shop.page('/p', pricePage('1'));
      const first = bench.start({ topics: dying(bench.topics, when) });
      const requestId = await bench.ask(shop.url('/p'));
      await eventually(() =>
        expect(shop.visits.filter(({ path }) => path === '/p').length).toBeGreaterThan(0),
      );
      await first.stop();
      bench.start();
      expect((await observed(requestId)).outcome).toBe('price');
      await eventually(async () => {
        const { rows } = await fresh.database.pool.query(
          'select from scraping.requests where finished_at is null',
        );
        expect(rows).toHaveLength(0);
      });
      expect(new Set(bench.messageIds)).toEqual(new Set([observationIdOf(requestId)]));
    },
  );

  test('a request that is delivered again is not fetched again', async () => {
    shop.page('/p', pricePage('1'));
    bench.start();
    const requestId = await bench.ask(shop.url('/p'));
    await observed(requestId);
    await bench.ask(shop.url('/p'), { requestId });
    shop.page('/q', pricePage('2'));
    await observed(await bench.ask(shop.url('/q')));
    expect(shop.visits.filter(({ path }) => path === '/p')).toHaveLength(1);
    expect(bench.observations).toHaveLength(2);
  });

  test('a host of a worker that died is taken over when its lease runs out', async () => {
    shop.page('/p', pricePage('1'));
    await fresh.database.pool.query(
      `insert into scraping.hosts (host, worker, leased_until) values ($1, $2, now() + interval '2 seconds')`,
      [shop.host, randomUUID()],
    );
    bench.start();
    const requestId = await bench.ask(shop.url('/p'));
    expect((await observed(requestId)).outcome).toBe('price');
  });

  test('a message that cannot be read is parked; the others go on', async () => {
    await bench.topics.publish(scrapeRequestsTopic, [
      { key: `tenant-1 ${shop.host}`, value: Buffer.from('nonsense'), headers: {} },
    ]);
    other.page('/p', pricePage('1'));
    bench.start();
    await eventually(async () => expect(await bench.topics.deadLetters(scrapeRequestsTopic)).toHaveLength(1));
    expect((await observed(await bench.ask(other.url('/p')))).outcome).toBe('price');
    // Neither another tenant's checks at that shop; this tenant's wait behind it.
    shop.page('/p', pricePage('1'));
    const waiting = await bench.ask(shop.url('/p'));
    expect((await observed(await bench.ask(shop.url('/p'), { tenantId: 'tenant-2' }))).outcome).toBe('price');
    expect(bench.of(waiting)).toBeUndefined();
  });

  test('stopping lets the page in hand end, and nothing is begun after', async () => {
    let finish: () => void = () => undefined;
    shop.page('/held', (_, response) => {
      finish = () => response.setHeader('content-type', 'text/html').end(pricePage('3'));
    });
    shop.page('/next', pricePage('4'));
    const scraper = bench.start();
    const held = await bench.ask(shop.url('/held'));
    const next = await bench.ask(shop.url('/next'));
    await eventually(() => expect(shop.visits.some(({ path }) => path === '/held')).toBe(true));
    const stopped = scraper.stop();
    finish();
    await stopped;
    expect((await observed(held)).outcome).toBe('price');
    expect(bench.of(next)).toBeUndefined();
    bench.start();
    expect((await observed(next)).outcome).toBe('price');
  });
});
