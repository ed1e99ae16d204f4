import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Listing } from './product.ts';
import { openShop, type RunningShop } from './shop.ts';

describe('the open shop', () => {
  let shop: RunningShop;
  let elapsed = 0;
  const shown: Listing[] = [];

  beforeAll(async () => {
    shop = await openShop({
      seed: 1,
      stepMs: 1_000,
      leavesAfterMs: 10_000,
      slowMs: 20,
      elapsedMs: () => elapsed,
      onPrice: (listing) => shown.push(listing),
    });
  });
  afterAll(() => shop.close());

  const get = (path: string): Promise<Response> => fetch(shop.url + path, { redirect: 'manual' });

  test('serves its shelf, its rules and its pages', async () => {
    for (const path of ['/', '/robots.txt', '/products/fjord-kettle'])
      expect((await get(path)).status).toBe(200);
    expect((await get('/nowhere')).status).toBe(404);
    expect(await (await get('/robots.txt')).text()).toContain('Disallow: /private/');
  });

  test('prices move with time and are told', async () => {
    const first = shop.listing('aurora-desk-lamp').amountMinor;
    elapsed = 8_000;
    expect(shop.listing('aurora-desk-lamp').amountMinor).not.toBe(first);
    await get('/products/aurora-desk-lamp');
    expect(shown.at(-1)?.amountMinor).toBe(shop.listing('aurora-desk-lamp').amountMinor);
    expect(() => shop.listing('nothing')).toThrow('does not sell');
  });

  test('a product leaves, one loops, one asks who you are, one is slow', async () => {
    expect((await get('/products/summer-lantern')).status).toBe(200);
    elapsed = 11_000;
    expect((await get('/products/summer-lantern')).status).toBe(410);
    expect((await get('/products/moebius-scarf')).headers.get('location')).toContain(
      '/products/moebius-scarf?',
    );
    expect((await get('/products/gated-perfume')).status).toBe(403);
    expect((await get('/products/patient-clock')).status).toBe(200);
  });

  test('gives out the data behind script and store pages', async () => {
    expect(await (await get('/api/offers/paris-umbrella')).json()).toMatchObject({ currency: 'EUR' });
    expect((await get('/api/offers/fjord-kettle')).status).toBe(404);
    expect(await (await get('/products/corner-notebook.js')).json()).toMatchObject({
      price: expect.any(Number),
    });
    const json = (await (await get('/products/corner-notebook.json')).json()) as {
      product: { variants: { price: string }[] };
    };
    expect(json.product.variants[0]?.price).toMatch(/^\d+\.\d\d$/);
  });
});
