import type { ExtractionMethod, Source } from '@daybook/schemas/types/types.generated.ts';
import type { CheerioAPI } from 'cheerio';
import { pageLocale } from '../money/page-locale.ts';
import { readAmazon } from './amazon.ts';
import { readEbay } from './ebay.ts';
import { oneLine, type Extraction, type Page, type Reading } from './extraction.ts';
import { jsonLdItems } from './json-ld.ts';
import { markupItems } from './markup-items.ts';
import { readMetaTags } from './meta-tags.ts';
import { readItems } from './offers.ts';
import { readProductJson, readShopifyPage } from './shopify.ts';
import { readVisiblePrice } from './visible-price.ts';

type Way = readonly [ExtractionMethod, (page: Page) => Reading];

const structured: readonly Way[] = [
  ['jsonLd', (page) => readItems(jsonLdItems(jsonLdBlocks(page)), page)],
  ['microdata', (page) => readItems(markupItems(page.$, 'microdata'), page)],
  ['rdfa', (page) => readItems(markupItems(page.$, 'rdfa'), page)],
  ['meta', readMetaTags],
];

/** What is left where a page carries no product data, by the kind of shop. */
const ofSource: Readonly<Record<Source, readonly Way[]>> = {
  amazon: [['selector', readAmazon]],
  ebay: [['selector', readEbay]],
  shopify: [
    ['productJson', readShopifyPage],
    ['selector', readVisiblePrice],
  ],
  page: [
    ['selector', readVisiblePrice],
    ['productJson', readShopifyPage],
  ],
};

/** A page as the readings want it. `$` is the parsed HTML, `url` where it came from after redirects. */
export function makePage(url: string, source: Source, $: CheerioAPI): Page {
  const parsed = new URL(url);
  const language =
    $('html').attr('lang') ??
    $('meta[http-equiv="content-language" i]').attr('content') ??
    $('meta[property="og:locale"]').attr('content') ??
    null;
  return { url: parsed, source, $, locale: pageLocale(language, parsed.hostname) };
}

/**
 * Reads a page in the order of trust: JSON-LD, microdata, RDFa, meta tags, then the selectors of the shop or its product
 * JSON. The first way that finds a price gives it; what it leaves out of title, seller and availability the others fill in.
 * Pure and total: whatever stands in the page, it answers.
 */
export function extract(page: Page): Extraction {
  const readings: Reading[] = [];
  for (const [method, read] of [...structured, ...ofSource[page.source]]) {
    const reading = read(page);
    if (reading.price !== null) return combined(page, method, [reading, ...readings]);
    readings.push(reading);
  }
  return combined(page, null, readings);
}

/** Reads a Shopify product's JSON that was fetched beside its page. */
export function extractProductJson(json: string, page: Page, before: Extraction): Extraction {
  const reading = readProductJson(json, page);
  if (!reading.product) return before;
  return combined(page, reading.price === null ? null : 'productJson', [reading, { ...before, price: null }]);
}

function combined(page: Page, method: ExtractionMethod | null, readings: readonly Reading[]): Extraction {
  const known = readings.find(({ availability }) => availability !== 'unknown');
  return {
    method,
    product: readings.some(({ product }) => product),
    price: method === null ? null : (readings[0]?.price ?? null),
    availability: known?.availability ?? 'unknown',
    seller: readings.find(({ seller }) => seller !== null)?.seller ?? null,
    title: readings.find(({ title }) => title !== null)?.title ?? heading(page),
  };
}

function heading({ $ }: Page): string | null {
  return oneLine($('h1').first().text()) ?? oneLine($('title').first().text());
}

function jsonLdBlocks({ $ }: Page): string[] {
  return $('script[type^="application/ld+json" i]')
    .get()
    .map((element) => $(element).text());
}
