import { describe, expect, test } from '@jest/globals';
import { catalogue } from './catalogue.ts';
import { markUp, productJson } from './markup.ts';
import { decimalsOf, localAmount, localNumber, plainAmount } from './money.ts';
import { productPage, shelfPage } from './pages.ts';
import { noise, priceAt } from './prices.ts';
import type { Listing, Markup } from './product.ts';

const listingOf = (markup: Markup): Listing => {
  const product = catalogue.find((one) => one.markup === markup);
  if (product === undefined) throw new Error(markup);
  return { product, amountMinor: product.baseMinor, url: `http://127.0.0.1${product.path}` };
};

describe('money', () => {
  test.each([
    [0, 'EUR', '0.00'],
    [5, 'EUR', '0.05'],
    [129900, 'EUR', '1299.00'],
    [12800, 'JPY', '12800'],
    [12500, 'KWD', '12.500'],
  ])('%i of %s is %s for machines', (amount, currency, text) => {
    expect(plainAmount(amount, currency)).toBe(text);
  });

  test.each([
    [129900, 'EUR', 'de-DE', '1.299,00 €'],
    [129900, 'CHF', 'de-CH', "CHF 1'299.00"],
    [129900, 'SEK', 'sv-SE', '1 299,00 kr'],
    [12345600, 'INR', 'en-IN', '₹1,23,456.00'],
    [12500, 'KWD', 'en-KW', 'KWD 12.500'],
  ])('%i of %s in %s is %s for people', (amount, currency, locale, text) => {
    expect(localAmount(amount, currency, locale).replaceAll(/\s/g, ' ').replace('’', "'")).toBe(text);
  });

  test('a number alone keeps its marks', () => {
    expect(localNumber(12345600, 'INR', 'en-IN')).toBe('1,23,456.00');
  });
});

describe('prices', () => {
  test('the same seed and step give the same price, another seed another story', () => {
    const story = (seed: number): string =>
      JSON.stringify(catalogue.map((product) => [1, 5, 9].map((step) => priceAt(product, seed, step))));
    expect(story(1)).toBe(story(1));
    expect(story(1)).not.toBe(story(2));
  });

  test('prices stay near their base, and move unless they stand still', () => {
    for (const product of catalogue) {
      const prices = Array.from({ length: 60 }, (_, step) => priceAt(product, 7, step));
      const grain = 10 ** Math.max(1, decimalsOf(product.currency) - 1);
      for (const price of prices) {
        expect(Number.isSafeInteger(price)).toBe(true);
        expect(Math.abs(price - product.baseMinor)).toBeLessThanOrEqual(
          product.baseMinor * product.swing + grain,
        );
      }
      expect(new Set(prices).size > 5).toBe(product.swing > 0);
    }
  });

  test('noise is even enough', () => {
    const values = Array.from({ length: 1_000 }, (_, index) => noise('even', index));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
  });
});

describe('pages', () => {
  test('every markup of the list is on the shelves', () => {
    expect(new Set(catalogue.map((product) => product.markup)).size).toBe(13);
    expect(new Set(catalogue.map((product) => product.slug)).size).toBe(catalogue.length);
  });

  test('a page rendered by script does not hold its price', () => {
    const listing = listingOf('script');
    expect(productPage(listing)).not.toContain(plainAmount(listing.amountMinor, listing.product.currency));
    expect(productPage(listing)).toContain('/api/offers/');
  });

  test.each(['jsonLd', 'jsonLdGraph', 'jsonLdAggregate', 'jsonLdVariants'] as const)(
    '%s is readable and holds the price',
    (markup) => {
      const listing = listingOf(markup);
      const { head } = markUp(listing);
      const json = /<script type="application\/ld\+json">(.*?)<\/script>/s.exec(head)?.[1] ?? '';
      expect(JSON.stringify(JSON.parse(json))).toContain(
        plainAmount(listing.amountMinor, listing.product.currency),
      );
    },
  );

  test('text is escaped', () => {
    const listing = listingOf('jsonLd');
    const page = productPage({ ...listing, product: { ...listing.product, name: '<b>"x"</b>' } });
    expect(page).not.toContain('<b>"x"');
  });

  test('the shelf shows every product, the product JSON its price in hundredths', () => {
    const page = shelfPage(catalogue.map((product) => ({ product, amountMinor: 100, url: '' })));
    for (const product of catalogue) expect(page).toContain(product.path);
    expect(productJson(listingOf('shopify'))['price']).toBe(1900);
  });
});
