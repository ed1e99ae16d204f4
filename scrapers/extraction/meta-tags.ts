import { readPrice } from '../money/price-text.ts';
import { availabilityOf } from './availability.ts';
import { oneLine, type Page, type Reading } from './extraction.ts';

/** Names of the Open Graph product vocabulary and its cousins; what is paid goes before what it cost. */
const amounts = [
  'product:sale_price:amount',
  'product:price:amount',
  'og:price:amount',
  'og:product:price:amount',
  'product:price',
];
const currencies = [
  'product:sale_price:currency',
  'product:price:currency',
  'og:price:currency',
  'og:product:price:currency',
];
const availabilities = ['product:availability', 'og:availability', 'og:product:availability'];
const priceLabel = /price|preis|prix|precio|prezzo|preço|prijs|pris|cena|цена|価格|价格|السعر/i;

/** Reads `product:`, `og:` and `twitter:` meta tags. */
export function readMetaTags({ $, locale }: Page): Reading {
  const tags = new Map<string, string>();
  for (const element of $('meta[content]').get()) {
    const { property, name, content = '' } = element.attribs;
    const key = (property ?? name ?? '').trim().toLowerCase();
    if (key !== '' && !tags.has(key)) tags.set(key, content);
  }
  const first = (names: readonly string[]): string | null =>
    names.map((name) => tags.get(name)).find((value) => value !== undefined && value.trim() !== '') ?? null;
  const currency = first(currencies);
  const amount = first(amounts) ?? labelled(tags);
  return {
    product: amount !== null || /^(og:)?product/i.test(tags.get('og:type') ?? ''),
    price: amount === null ? null : readPrice(amount, { locale, currency }),
    availability: availabilityOf(first(availabilities)),
    seller: null,
    title: oneLine(first(['og:title', 'twitter:title'])),
  };
}

/** Twitter's product card: `twitter:label1` names what `twitter:data1` says. */
function labelled(tags: ReadonlyMap<string, string>): string | null {
  const number = ['1', '2'].find((one) => priceLabel.test(tags.get(`twitter:label${one}`) ?? ''));
  return number === undefined ? null : (tags.get(`twitter:data${number}`) ?? null);
}
