import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'cheerio';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Source } from '@daybook/schemas/types/types.generated.ts';
import { asinOf } from './amazon.ts';
import { availabilityOf } from './availability.ts';
import { extract, extractProductJson, makePage } from './extract.ts';
import { oneLine, type Extraction, type Page } from './extraction.ts';
import { goldens } from './golden.specs.ts';
import { productJsonUrl } from './shopify.ts';

const folder = join(import.meta.dirname, '../fixtures/pages');

function golden(name: string, url: string, source: Source = 'page'): Page {
  return makePage(url, source, load(readFileSync(join(folder, `${name}.html`))));
}

function written({ url, source = 'page', html }: { url: string; source?: Source; html: string }): Extraction {
  return extract(makePage(url, source, load(html)));
}

describe('golden pages', () => {
  test.each(goldens.map((one) => [one.page, one.url, one] as const))('%s at %s', (name, url, one) => {
    const price = one.price;
    expect(extract(golden(name, url, one.source))).toEqual({
      method: price?.[2] ?? null,
      price: price === null ? null : { amountMinor: price[0], currency: price[1] },
      availability: one.availability ?? 'unknown',
      seller: one.seller ?? null,
      title: one.title,
      product: one.product ?? true,
    });
  });
});

describe('the order of trust', () => {
  const jsonLd =
    '<script type="application/ld+json">{"@type":"Product","offers":{"@type":"Offer","price":"1","priceCurrency":"EUR"}}</script>';
  const microdata =
    '<div itemscope itemtype="https://schema.org/Product"><div itemprop="offers" itemscope><meta itemprop="price" content="2"><meta itemprop="priceCurrency" content="EUR"></div></div>';
  const rdfa =
    '<div typeof="schema:Product"><div property="schema:offers" typeof="schema:Offer"><meta property="schema:price" content="3"><meta property="schema:priceCurrency" content="EUR"></div></div>';
  const meta =
    '<meta property="product:price:amount" content="4"><meta property="product:price:currency" content="EUR">';
  const visible = '<p class="product-price">5 €</p>';
  const all = [jsonLd, microdata, rdfa, meta, visible];

  test.each([
    ['jsonLd', 0, 100],
    ['microdata', 1, 200],
    ['rdfa', 2, 300],
    ['meta', 3, 400],
    ['selector', 4, 500],
  ])('%s comes before what follows it', (method, from, amountMinor) => {
    const html = all.slice(from).reverse().join('');
    expect(written({ url: 'https://x.example/p', html })).toMatchObject({ method, price: { amountMinor } });
  });

  test('a way without a price leaves it to the next and still names the product', () => {
    const html = `<script type="application/ld+json">{"@type":"Product","name":"Named","offers":{"availability":"InStock"}}</script>${meta}`;
    expect(written({ url: 'https://x.example/p', html })).toMatchObject({
      method: 'meta',
      title: 'Named',
      availability: 'inStock',
    });
  });
});

describe('a page made to keep its reader busy is read at once', () => {
  const opened = 1_000_000;

  test('a script that opens a currency again and again', () => {
    const product = '{"variants":[{"price":100}]}';
    const html = `<script data-product-json>${product}</script><script>${'Shopify.currency={'.repeat(opened)}</script>`;
    expect(written({ url: 'https://x.example/products/p', source: 'shopify', html })).toMatchObject({
      product: true,
      price: null,
    });
  });

  test('a price of nothing but points', () => {
    const price = `<span class="a-price-whole">${'.'.repeat(opened)}1</span>`;
    const html = `<div id="corePrice_feature_div"><span class="a-price">${price}</span></div>`;
    expect(written({ url: 'https://x.example/dp/B07ABCDE12', source: 'amazon', html }).price).toBeNull();
  });

  test('properties in each other, and much beneath them', () => {
    const nested = `${'<span itemprop="name">'.repeat(900)}${'<b>Kettle</b> '.repeat(100_000)}`;
    const html = `<div itemscope itemtype="https://schema.org/Product">${nested}</div>`;
    expect(written({ url: 'https://x.example/p', html }).title).toMatch(/^Kettle /);
  });

  test('amounts beyond what a message carries', () => {
    const price = (amount: string): string =>
      `<script data-product-json>{"variants":[{"price":${amount},"price_currency":"EUR"}]}</script>`;
    for (const amount of ['4503599627370496', '1e300', '1e999'])
      expect(
        written({ url: 'https://x.example/products/p', source: 'shopify', html: price(amount) }).price,
      ).toBeNull();
  });
});

describe('prices without a currency', () => {
  test.each([
    ['no currency at all', '{"@type":"Product","offers":{"price":"12"}}'],
    ['a currency that is none', '{"@type":"Product","offers":{"price":"12","priceCurrency":"???"}}'],
    ['a price of zero', '{"@type":"Product","offers":{"price":0,"priceCurrency":"EUR"}}'],
    ['a negative price', '{"@type":"Product","offers":{"price":-1,"priceCurrency":"EUR"}}'],
    ['a price that is no number', '{"@type":"Product","offers":{"price":"ask","priceCurrency":"EUR"}}'],
    ['a price that is true', '{"@type":"Product","offers":{"price":true,"priceCurrency":"EUR"}}'],
    ['an offer that is a list of nothing', '{"@type":"Product","offers":[null,[],{}]}'],
  ])('%s: a product, no price', (_, json) => {
    const html = `<script type="application/ld+json">${json}</script>`;
    expect(written({ url: 'https://x.example/p', html })).toMatchObject({ price: null, product: true });
  });
});

describe('Shopify', () => {
  test.each([
    ['https://s.example/products/mug', 'https://s.example/products/mug.js'],
    [
      'https://s.example/collections/all/products/mug?variant=1',
      'https://s.example/collections/all/products/mug.js',
    ],
    ['https://s.example/de/products/mug.json', 'https://s.example/de/products/mug.js'],
    ['https://s.example/pages/mug', null],
  ])('the product of %s', (page, json) => {
    expect(productJsonUrl(new URL(page))).toBe(json);
  });

  const before = (page: Page): Extraction => extract(page);

  test('gives hundredths of every currency in its Ajax API', () => {
    const page = golden('shopify-bare', 'https://k.example/products/notebook', 'shopify');
    const json =
      '{"title":"Notebook","price":190000,"available":true,"variants":[{"id":1,"price":190000,"available":true}]}';
    expect(extractProductJson(json, page, before(page))).toMatchObject({
      method: 'productJson',
      price: { amountMinor: 1900, currency: 'JPY' },
      availability: 'inStock',
    });
  });

  test('gives decimal text in its other one', () => {
    const page = golden('shopify-bare', 'https://k.example/products/notebook', 'shopify');
    const json =
      '{"product":{"title":"Notebook","variants":[{"id":1,"price":"19.00","price_currency":"USD"}]}}';
    expect(extractProductJson(json, page, before(page)).price).toEqual({
      amountMinor: 1900,
      currency: 'USD',
    });
  });

  test.each(['', '<html>', 'null', '[]', '{"variants":7}', '{"errors":"Not Found"}'])(
    '%s is no product with a price',
    (json) => {
      const page = golden('shopify-bare', 'https://k.example/products/notebook', 'shopify');
      expect(extractProductJson(json, page, before(page)).price).toBeNull();
    },
  );
});

test.each([
  ['https://www.amazon.com/Some-Thing/dp/B0EXAMPLE1/ref=x', 'B0EXAMPLE1'],
  ['https://www.amazon.de/gp/product/b0example1?psc=1', 'B0EXAMPLE1'],
  ['https://m.amazon.com/gp/aw/d/B0EXAMPLE1', 'B0EXAMPLE1'],
  ['https://www.amazon.com/s?k=mouse', null],
])('the ASIN of %s', (url, asin) => {
  expect(asinOf(new URL(url))).toBe(asin);
});

test.each([
  ['https://schema.org/InStock', 'inStock'],
  ['http://schema.org/OutOfStock', 'outOfStock'],
  ['schema:PreOrder', 'preOrder'],
  ['SoldOut', 'outOfStock'],
  ['in stock', 'inStock'],
  ['out of stock', 'outOfStock'],
  ['available for order', 'inStock'],
  ['Not in stock', 'outOfStock'],
  ['Nicht auf Lager', 'outOfStock'],
  ['Nur noch 2 auf Lager', 'limited'],
  ['Rupture de stock', 'outOfStock'],
  ['在庫あり', 'inStock'],
  ['Back in two weeks', 'backOrder'],
  ['https://schema.org/Discontinued', 'discontinued'],
  ['Call us', 'unknown'],
  ['', 'unknown'],
  [null, 'unknown'],
])('the availability of "%s"', (text, availability) => {
  expect(availabilityOf(text)).toBe(availability);
});

test('a text of a page can be kept, whatever stands in it and wherever it is cut', () => {
  expect(oneLine('Acme\0 &\n Sons')).toBe('Acme & Sons');
  expect(oneLine('half \ud83d')).toBe('half \ufffd');
  expect(oneLine(`${'a'.repeat(299)}🦊`)?.isWellFormed()).toBe(true);
});

describe('laws', () => {
  const pieces = fc.constantFrom(
    '<script type="application/ld+json">',
    '</script>',
    '{"@type":"Product","offers":',
    '{"price":"1,234.5","priceCurrency":"EUR"}',
    '[[[[{"@id":"a","offers":{"@id":"a"}}]]]]',
    '<div itemscope itemtype="https://schema.org/Product" itemref="x y">',
    '<p id="x" itemprop="offers" itemscope itemref="x">',
    '</div></p>',
    '<meta itemprop="price" content="',
    '"><span property="price" typeof="Offer">',
    '<meta property="product:price:amount" content="9,99">',
    '<p class="product-price">',
    '€ 12',
    '<html lang="de_DE.UTF-8">',
    '\u0000',
  );

  test('extraction is total: any page gives an answer, and a price is whole and positive', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }),
        fc.constantFrom<Source>('page', 'amazon', 'ebay', 'shopify'),
        (parts, source) => {
          const { price, method } = written({ url: 'https://x.example/p', source, html: parts.join('') });
          expect(price === null).toBe(method === null);
          expect(price === null || (Number.isSafeInteger(price.amountMinor) && price.amountMinor > 0)).toBe(
            true,
          );
        },
      ),
      { numRuns: 500, seed: 20261121 },
    );
  });

  test('deep nesting ends', () => {
    const deep = 3_000;
    const html = `${'<div itemscope itemprop="offers">'.repeat(deep)}<script type="application/ld+json">${'['.repeat(deep)}</script>`;
    expect(written({ url: 'https://x.example/p', html }).price).toBeNull();
  });
});
