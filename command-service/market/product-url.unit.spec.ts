import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { productUrl, sourceOf } from './product-url.ts';

describe('product URLs', () => {
  test.each([
    ['HTTPS://Shop.Example:443/Kettle?id=7&utm_source=x&gclid=y#reviews', 'https://shop.example/Kettle?id=7'],
    ['http://shop.example:80', 'http://shop.example/'],
    ['http://shop.example./a', 'http://shop.example/a'],
    ['http://127.0.0.1:8123/p/1?utm_campaign=', 'http://127.0.0.1:8123/p/1'],
    ['https://shop.example/a?b=2&a=1&b=3', 'https://shop.example/a?b=2&a=1&b=3'],
    ['https://bücher.example/ä', 'https://xn--bcher-kva.example/%C3%A4'],
    [
      'https://www.amazon.de/Wasserkocher-Edelstahl/dp/b07abcde12/ref=sr_1_1?keywords=kettle&qid=1',
      'https://www.amazon.de/dp/B07ABCDE12',
    ],
    ['https://www.amazon.co.uk/gp/product/B07ABCDE12?th=1', 'https://www.amazon.co.uk/dp/B07ABCDE12'],
    ['https://m.amazon.com/gp/aw/d/B07ABCDE12/', 'https://m.amazon.com/dp/B07ABCDE12'],
    [
      'https://www.ebay.com/itm/Some-Title/123456789012?hash=item1&var=55&_trksid=p1',
      'https://www.ebay.com/itm/123456789012?var=55',
    ],
    ['https://www.ebay.com/p/123?iid=4', 'https://www.ebay.com/p/123?iid=4'],
    [
      'https://tea.myshopify.com/en-gb/collections/all/products/oolong?variant=7&pos=3',
      'https://tea.myshopify.com/products/oolong?variant=7',
    ],
    ['https://tea.myshopify.com/pages/about?x=1', 'https://tea.myshopify.com/pages/about?x=1'],
  ])('%s is %s', (text, url) => {
    expect(productUrl(text)).toMatchObject({ url });
  });

  test.each([
    ['kettle', 'is not a URL'],
    ['', 'is not a URL'],
    ['ftp://shop.example/a', 'is not an http or https URL'],
    ['javascript:alert(1)', 'is not an http or https URL'],
    ['file:///etc/passwd', 'is not an http or https URL'],
    ['https://ada:secret@shop.example/', 'holds a user name or password'],
    ['https://www.amazon.de/gp/bestsellers', 'names no Amazon product (ASIN)'],
    // 1,900 characters, and nine times as many once they are encoded.
    [`https://shop.example/${'茶'.repeat(1_900)}`, 'is too long'],
    [
      `https://${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(63)}.${'e'.repeat(20)}/`,
      'is too long',
    ],
  ])('%j %s', (text, problem) => {
    expect(productUrl(text)).toEqual({ problem });
  });

  test('the host keeps a port of its own, and is lower case', () => {
    expect(productUrl('http://Shop.Example:8080/a')).toMatchObject({ host: 'shop.example:8080' });
  });

  test.each([
    ['www.amazon.de', 'amazon'],
    ['amazon.com', 'amazon'],
    ['amazon.com.br', 'amazon'],
    ['amazon.example.com', 'page'],
    ['notamazon.de', 'page'],
    ['www.ebay.co.uk', 'ebay'],
    ['tea.myshopify.com', 'shopify'],
    ['myshopify.com.example', 'page'],
  ])('%s is a shop of kind %s', (host, source) => {
    expect(sourceOf(host)).toBe(source);
  });

  test('what is said of the source counts more than the host', () => {
    expect(productUrl('https://tea.example/collections/a/products/oolong', 'shopify')).toEqual({
      url: 'https://tea.example/products/oolong',
      host: 'tea.example',
      source: 'shopify',
    });
    expect(productUrl('http://127.0.0.1:81/x/dp/B07ABCDE12', 'amazon')).toMatchObject({
      url: 'http://127.0.0.1:81/dp/B07ABCDE12',
    });
  });

  test('the canonical form of a canonical form is itself', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (text) => {
        const once = productUrl(text);
        if ('problem' in once) return;
        expect(productUrl(once.url, once.source)).toEqual(once);
      }),
    );
  });
});
