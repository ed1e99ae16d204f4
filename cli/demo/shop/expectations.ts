/** What a faithful observer reports of each product of the shop. */
import type { Markup, ShopProduct } from './product.ts';

/** The outcome of a check, in the words of the price observations, and how a price was read. */
export type Expectation = Readonly<{ outcome: 'price'; method: string }> | Readonly<{ outcome: string }>;

const methods: Readonly<Record<Exclude<Markup, 'onRequest'>, string>> = {
  jsonLd: 'jsonLd',
  jsonLdGraph: 'jsonLd',
  jsonLdArray: 'jsonLd',
  jsonLdAggregate: 'jsonLd',
  jsonLdVariants: 'jsonLd',
  jsonLdSpecification: 'jsonLd',
  microdata: 'microdata',
  rdfa: 'rdfa',
  metaTags: 'meta',
  shopify: 'productJson',
  plain: 'selector',
  script: 'microdata',
};

/** The expectation for a product; `gone`: once the leaving product has left. */
export function expectation({ behaviour, markup }: ShopProduct, gone: boolean): Expectation {
  if (behaviour === 'captcha') return { outcome: 'captcha' };
  if (behaviour === 'forbidden') return { outcome: 'robotsDisallowed' };
  if (behaviour === 'loops') return { outcome: 'redirectLoop' };
  if (behaviour === 'leaves' && gone) return { outcome: 'missing' };
  if (markup === 'onRequest') return { outcome: 'noPrice' };
  return { outcome: 'price', method: methods[markup] };
}
