import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { PriceObservation } from '@daybook/schemas/market/events.generated.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { findChromium } from '../chromium.ts';
import { openFixtureShop, pricePage, type FixtureShop } from '@daybook/test/support/fixture-shop.ts';
import { openScraperBench, type ScraperBench } from '@daybook/test/support/scraper-bench.ts';

const chromiumPath = findChromium(process.env['CHROMIUM_PATH']);
const required = (process.env['REQUIRE_ENGINES'] ?? '').split(',').includes('chromium');
if (chromiumPath === undefined && required)
  throw new Error('REQUIRE_ENGINES names chromium, and there is none.');

let shop: FixtureShop;
let inside: FixtureShop;
let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let bench: ScraperBench;

// A browser that starts on a busy machine takes its time.
jest.setTimeout(120_000);

// One browser for all tests: the scraper keeps it, as it does in production.
beforeAll(async () => {
  [inside, fresh] = await Promise.all([openFixtureShop({ '/secret': 'secret' }), freshDatabase()]);
});

afterAll(async () => {
  await Promise.all([inside.close(), fresh.drop()]);
});

beforeEach(async () => {
  shop = await openFixtureShop();
  // `inside` listens on the loopback interface and is not allowed: it stands for everything behind the firewall.
  bench = await openScraperBench({ database: fresh.database, hosts: [shop.host], log: silentLog });
  bench.start({ config: { ...(chromiumPath === undefined ? {} : { chromiumPath }) } });
});

afterEach(async () => {
  await bench.close();
  await shop.close();
});

async function observed(requestId: string): Promise<PriceObservation> {
  return eventually(
    () => {
      const observation = bench.of(requestId);
      if (observation === undefined) throw new Error('No observation yet.');
      return observation;
    },
    { withinMs: 60_000 },
  );
}

const late = (script: string): string =>
  `<!doctype html><html lang="fr"><head><title>Parapluie</title></head><body><h1>Parapluie</h1><p class="product-price" id="late">…</p><script>${script}</script></body></html>`;
const showPrice = "document.getElementById('late').textContent = ";

// Skipped with this reason in the name, so that a report says why.
const withChromium = chromiumPath === undefined ? describe.skip : describe;

withChromium(`in a browser${chromiumPath === undefined ? ' (skipped: no Chromium was found)' : ''}`, () => {
  test('a price that arrives by script is found, and its rendered page is kept', async () => {
    shop.page('/offer', (_, response) => response.end(JSON.stringify({ shown: '1 119,00 €' })));
    shop.page(
      '/umbrella',
      late(`fetch('/offer').then((r) => r.json()).then((o) => { ${showPrice} o.shown; })`),
    );
    const observation = await observed(await bench.ask(shop.url('/umbrella')));
    expect(observation).toMatchObject({
      outcome: 'price',
      price: { amountMinor: 111900, currency: 'EUR' },
      method: 'selector',
      status: 200,
    });
    const snapshot = await bench.objects.get(observation.snapshotHash ?? '');
    expect(Buffer.from(snapshot ?? []).toString()).toContain('1 119,00 €');
  });

  test('pictures, styles, fonts and frames are not fetched', async () => {
    shop.page(
      '/heavy',
      late(`${showPrice}'5,00 €'`).replace(
        '<h1>',
        '<link rel="stylesheet" href="/s.css"><img src="/i.png"><iframe src="/frame"></iframe><h1>',
      ),
    );
    expect((await observed(await bench.ask(shop.url('/heavy')))).outcome).toBe('price');
    expect(new Set(shop.visits.map(({ path }) => path))).toEqual(new Set(['/robots.txt', '/heavy']));
  });

  test('nothing a page does reaches an address inside', async () => {
    const target = inside.url('/secret');
    shop.page('/redirect', (_, response) => response.writeHead(302, { location: target }).end());
    shop.page(
      '/evil',
      late(`
        const tries = [
          () => fetch('${target}', { mode: 'no-cors' }),
          () => fetch('/redirect', { mode: 'no-cors' }),
          () => new WebSocket('${target.replace('http', 'ws')}'),
          () => new EventSource('${target}'),
          () => navigator.sendBeacon('${target}', 'x'),
          () => { const i = new Image(); i.src = '${target}'; },
          () => { const f = document.createElement('iframe'); f.src = '${target}'; document.body.append(f); },
          () => { const s = document.createElement('script'); s.src = '${target}'; document.body.append(s); },
          () => { const l = document.createElement('link'); l.rel = 'preconnect'; l.href = '${target}'; document.head.append(l); },
          () => { const l = document.createElement('link'); l.rel = 'prefetch'; l.href = '${target}'; document.head.append(l); },
          () => new Worker(URL.createObjectURL(new Blob(["fetch('${target}'); importScripts('${target}')"]))),
          () => window.open('${target}'),
        ];
        Promise.allSettled(tries.map(async (one) => one())).then(() => setTimeout(() => { ${showPrice}'6,00 €'; }, 500));
      `),
    );
    expect(await observed(await bench.ask(shop.url('/evil')))).toMatchObject({
      outcome: 'price',
      price: { amountMinor: 600 },
    });
    expect(inside.visits).toEqual([]);
  });

  test('a page that leads a browser inside is read as it was served', async () => {
    shop.page('/leave', late(`location.href = '${inside.url('/secret')}'`));
    expect((await observed(await bench.ask(shop.url('/leave')))).outcome).toBe('noPrice');
    expect(inside.visits).toEqual([]);
  });

  test('a page without a price has none in a browser either, and the host is remembered for it', async () => {
    shop.page('/table', late('window.ready = true'));
    for (let i = 0; i < 4; i += 1) {
      expect(
        (await observed(await bench.ask(shop.url('/table'), { requestId: requestWithoutTrial() }))).outcome,
      ).toBe('noPrice');
    }
    // Three times with a browser after the plain request, then the plain one alone.
    expect(shop.visits.filter(({ path }) => path === '/table')).toHaveLength(7);
  });

  test('a host that never has a price without scripts is opened in a browser at once', async () => {
    shop.page('/late', late(`${showPrice}'5,00 €'`));
    for (let i = 0; i < 4; i += 1) {
      expect((await observed(await bench.ask(shop.url('/late')))).outcome).toBe('price');
    }
    expect(shop.visits.filter(({ path }) => path === '/late')).toHaveLength(7);
  });

  test('a page that never comes to rest is read when its time is over', async () => {
    shop.page(
      '/busy',
      late("setInterval(() => { document.title = String(performance.now()); fetch('/x'); }, 50)"),
    );
    expect((await observed(await bench.ask(shop.url('/busy')))).outcome).toBe('noPrice');
  });

  test('a plain page needs no browser', async () => {
    shop.page('/plain', pricePage('3'));
    expect((await observed(await bench.ask(shop.url('/plain')))).outcome).toBe('price');
    expect(shop.visits.filter(({ path }) => path === '/plain')).toHaveLength(1);
  });
});

/** One whose last digits do not draw it as a trial. */
function requestWithoutTrial(): string {
  return `${randomUUID().slice(0, -4)}ffff`;
}
