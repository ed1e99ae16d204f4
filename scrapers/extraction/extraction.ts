import type { Availability, ExtractionMethod, Source } from '@daybook/schemas/types/types.generated.ts';
import type { CheerioAPI } from 'cheerio';
import type { PageLocale } from '../money/page-locale.ts';
import type { Money } from '../money/price-text.ts';

/**
 * Version of the extraction rules, recorded with every observation. It rises whenever the same page may give another
 * result than before, so that a history tells which rules read it.
 */
export const extractorVersion = 1;

/** A parsed page with what its reading depends on. */
export type Page = Readonly<{
  /** Where it came from, after redirects. */
  url: URL;
  source: Source;
  $: CheerioAPI;
  locale: PageLocale;
}>;

/** What one way of reading a page sees. */
export type Reading = Readonly<{
  /** The page describes a product in this way, with a price or without. */
  product: boolean;
  price: Money | null;
  availability: Availability;
  seller: string | null;
  title: string | null;
}>;

/** What a page says of its product, all ways of reading taken together. */
export type Extraction = Readonly<
  Omit<Reading, 'product'> & {
    /** Null where no price was found. */
    method: ExtractionMethod | null;
    /** Some way of reading saw a product. */
    product: boolean;
  }
>;

export const nothingRead: Reading = {
  product: false,
  price: null,
  availability: 'unknown',
  seller: null,
  title: null,
};

/** Text of a page as one line of at most 300 characters; null for none. */
export function oneLine(text: string | null | undefined): string | null {
  const line =
    text
      ?.replaceAll(/[\s\0]+/g, ' ')
      .trim()
      .slice(0, 300)
      .toWellFormed() ?? '';
  return line === '' ? null : line;
}
