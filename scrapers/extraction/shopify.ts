import { largestLong } from '@daybook/schemas/exact-long.ts';
import type { Availability } from '@daybook/schemas/types/types.generated.ts';
import { minorDigits } from '../money/minor-units.ts';
import { readPrice, statedCurrency, type Money } from '../money/price-text.ts';
import { nothingRead, oneLine, type Page, type Reading } from './extraction.ts';

type Variant = Readonly<{
  id?: unknown;
  price?: unknown;
  price_currency?: unknown;
  available?: unknown;
  title?: unknown;
}>;
type Product = Readonly<{
  title?: unknown;
  vendor?: unknown;
  available?: unknown;
  price?: unknown;
  variants?: unknown;
}>;

const embedded =
  'script[data-product-json], script[id^="ProductJson"], script[id^="product-json"], script[type="application/json"][data-product]';

/** Where a Shopify store gives out a product page's product as JSON; null for other pages. */
export function productJsonUrl(page: URL): string | null {
  const path = /^(.*\/products\/[^/]+?)(?:\.(?:js|json))?\/?$/.exec(page.pathname)?.[1];
  return path === undefined ? null : new URL(`${path}.js`, page).href;
}

/** Reads the product that a Shopify theme leaves in the page. */
export function readShopifyPage(page: Page): Reading {
  for (const element of page.$(embedded).get()) {
    const reading = readProductJson(page.$(element).text(), page);
    if (reading.product) return reading;
  }
  return nothingRead;
}

/**
 * Reads a product of Shopify's Ajax API (`/products/<handle>.js`: prices in hundredths, whatever the currency) or of
 * `/products/<handle>.json` (decimal text). The variant is that of the page's `variant` parameter, else the first that can
 * be bought. The currency is the variant's own, else the one the page names.
 */
export function readProductJson(json: string, page: Page): Reading {
  const product = parse(json);
  if (product === null) return nothingRead;
  const variant = variantOf(product, page.url.searchParams.get('variant'));
  const currency = text(variant.price_currency) ?? storeCurrency(page);
  return {
    product: true,
    price: amount(variant.price ?? product.price, currency, page),
    availability: stock(variant.available ?? product.available),
    seller: oneLine(text(product.vendor)),
    title: oneLine(text(product.title)),
  };
}

function variantOf(product: Product, asked: string | null): Variant {
  const variants = (Array.isArray(product.variants) ? product.variants : []) as readonly Variant[];
  return (
    variants.find(({ id }) => asked !== null && String(id) === asked) ??
    variants.find(({ available }) => available !== false) ??
    variants[0] ??
    {}
  );
}

function stock(available: unknown): Availability {
  return available === true ? 'inStock' : available === false ? 'outOfStock' : 'unknown';
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function parse(json: string): Product | null {
  try {
    const value = JSON.parse(json) as { product?: unknown } | null;
    const product = value?.product ?? value;
    return product !== null && typeof product === 'object' && 'variants' in product ? product : null;
  } catch {
    return null;
  }
}

function amount(price: unknown, currency: string | null, { locale }: Page): Money | null {
  if (typeof price === 'string') return readPrice(price, { locale, currency });
  const code = statedCurrency({ locale, currency });
  if (typeof price !== 'number' || code === null || price <= 0) return null;
  const amountMinor = Math.round(price * 10 ** (minorDigits(code) - 2));
  return amountMinor <= largestLong ? { amountMinor, currency: code } : null;
}

/** The currency the store shows to this visitor, as its scripts or meta tags state it. */
function storeCurrency({ $ }: Page): string | null {
  const meta = $('meta[property="product:price:currency"], meta[property="og:price:currency"]')
    .first()
    .attr('content');
  if (meta !== undefined && meta.trim() !== '') return meta;
  for (const element of $('script:not([src])').get()) {
    const script = $(element).text();
    const found =
      /Shopify\.currency\s*=\s*\{[^}]{0,1000}?"?active"?\s*:\s*"([A-Z]{3})"/.exec(script) ??
      /\bcurrency\s*:\s*\{\s*"?active"?\s*:\s*"([A-Z]{3})"/.exec(script) ??
      /"currencyCode"\s*:\s*"([A-Z]{3})"/.exec(script);
    if (found?.[1] !== undefined) return found[1];
  }
  return null;
}
