/** The price of a product described in schema.org's vocabulary. */
import type { Availability } from '@daybook/schemas/types/types.generated.ts';
import { currencyOfRegion } from '../money/regions.ts';
import { readPrice, readPriceNumber, type Money } from '../money/price-text.ts';
import { availabilityOf } from './availability.ts';
import { oneLine, nothingRead, type Page, type Reading } from './extraction.ts';
import { isA, isItem, itemsOf, textOf, valuesOf, type Item } from './item.ts';

type Place = Pick<Page, 'url' | 'locale'>;

/** One way to buy the product. */
type Choice = Readonly<{
  price: Money | null;
  availability: Availability;
  seller: string | null;
  title: string | null;
  /** Its URL is that of the page, variant and all. */
  meant: boolean;
}>;

const productTypes = [
  'Product',
  'ProductGroup',
  'ProductModel',
  'IndividualProduct',
  'SomeProducts',
  'Vehicle',
  'Car',
];
const pageTypes = ['WebPage', 'ItemPage', 'ProductPage', 'WebSite'];
/** Prices that nobody pays: schema.org's PriceTypeEnumeration and Google's strikethrough prices. */
const notToPay = /list|msrp|srp|strikethrough|regular|invoice|minimumadvertised/i;

/** Reads the page's product among its items: the one whose URL is the page's, else the first with a price, else the first. */
export function readItems(items: readonly Item[], place: Place): Reading {
  const products = items.flatMap(productsIn);
  const readings = products.map((product) => readProduct(product, place));
  const own = readings[products.findIndex((product) => isHere(product, place.url))];
  const chosen = [own, ...readings].find((reading) => reading?.price != null) ?? own ?? readings[0];
  if (chosen !== undefined) return chosen;
  const offers = items.filter(isOffer);
  const best = choose(
    offers.flatMap((offer) => choicesOf(offer, null, place)),
    place,
  );
  return best === null ? nothingRead : asReading(best, null);
}

function isOffer(item: Item): boolean {
  return isA(item, 'Offer', 'AggregateOffer', 'OfferForPurchase');
}

function productsIn(item: Item): readonly Item[] {
  if (isA(item, ...productTypes) || (!isOffer(item) && itemsOf(item, 'offers').length > 0)) return [item];
  if (isA(item, ...pageTypes)) {
    return ['mainEntity', 'about', 'mainContentOfPage'].flatMap((name) =>
      itemsOf(item, name).flatMap(productsIn),
    );
  }
  return [];
}

function readProduct(product: Item, place: Place): Reading {
  const own = itemsOf(product, 'offers').flatMap((offer) => choicesOf(offer, product, place));
  const variants = itemsOf(product, 'hasVariant').flatMap((variant) =>
    itemsOf(variant, 'offers').flatMap((offer) => choicesOf(offer, variant, place)),
  );
  // Some shops write the price onto the product itself.
  const bare = own.length + variants.length === 0 ? [choiceOf(product, product, place)] : [];
  const best = choose([...own, ...variants, ...bare], place);
  return best === null
    ? { ...nothingRead, product: true, title: oneLine(textOf(product, 'name')) }
    : asReading(best, oneLine(textOf(product, 'name')));
}

function asReading({ price, availability, seller, title }: Choice, productTitle: string | null): Reading {
  return { product: true, price, availability, seller, title: title ?? productTitle };
}

/** The offers an offer stands for: those inside an aggregate with prices of their own, else itself. */
function choicesOf(offer: Item, product: Item | null, place: Place): readonly Choice[] {
  const inner = itemsOf(offer, 'offers').flatMap((one) => choicesOf(one, product, place));
  if (inner.some(({ price }) => price !== null)) return inner;
  return [choiceOf(offer, product, place)];
}

function choiceOf(offer: Item, product: Item | null, place: Place): Choice {
  return {
    price: priceOf(offer, product, place),
    availability: availabilityOf(
      textOf(offer, 'availability') ?? (product && textOf(product, 'availability')),
    ),
    seller: oneLine(textOf(offer, 'seller') ?? textOf(offer, 'offeredBy')),
    title: oneLine(product && textOf(product, 'name')),
    meant: isHere(offer, place.url) || (product !== null && isHere(product, place.url)),
  };
}

function priceOf(offer: Item, product: Item | null, { locale }: Place): Money | null {
  const specifications = itemsOf(offer, 'priceSpecification');
  const payable = specifications.filter(
    (one) =>
      !notToPay.test(textOf(one, 'priceType') ?? '') && itemsOf(one, 'validForMemberTier').length === 0,
  );
  // A price for a kilogram is not the price of the piece where there is another.
  const pieces = payable.filter((one) => itemsOf(one, 'referenceQuantity').length === 0);
  for (const item of [offer, ...(pieces.length > 0 ? pieces : payable)]) {
    const currency =
      textOf(item, 'priceCurrency') ??
      textOf(offer, 'priceCurrency') ??
      specifications.map((one) => textOf(one, 'priceCurrency')).find((one) => one !== null) ??
      (product && textOf(product, 'priceCurrency'));
    for (const name of ['price', 'lowPrice', 'minPrice']) {
      const price = firstPrice(item, name, { locale, currency });
      if (price !== null) return price;
    }
  }
  return null;
}

function firstPrice(item: Item, name: string, context: Parameters<typeof readPrice>[1]): Money | null {
  for (const value of valuesOf(item, name)) {
    if (typeof value === 'boolean') continue;
    const price = isItem(value)
      ? (firstPrice(value, 'price', context) ?? firstPrice(value, 'value', context))
      : typeof value === 'number'
        ? readPriceNumber(value, context)
        : readPrice(value, context);
    if (price !== null) return price;
  }
  return null;
}

const buyable: ReadonlySet<Availability> = new Set([
  'inStock',
  'limited',
  'unknown',
  'preOrder',
  'backOrder',
]);

/** What the page is about, then what has a price, in the page's own currency, can be bought, and costs least. */
function choose(choices: readonly Choice[], { locale }: Place): Choice | null {
  const home = locale.regions[0] === undefined ? null : currencyOfRegion(locale.regions[0]);
  const currencies = choices.flatMap(({ price }) => (price === null ? [] : [price.currency]));
  const currency = home !== null && currencies.includes(home) ? home : (currencies[0] ?? null);
  const rank = (choice: Choice): number =>
    (choice.price === null ? 8 : 0) +
    (choice.price?.currency === currency ? 0 : 4) +
    (choice.meant ? 0 : 2) +
    (buyable.has(choice.availability) ? 0 : 1);
  return choices.reduce<Choice | null>((best, one) => {
    if (best === null) return one;
    const difference = rank(one) - rank(best);
    const cheaper = (one.price?.amountMinor ?? 0) < (best.price?.amountMinor ?? 0);
    return difference < 0 || (difference === 0 && cheaper) ? one : best;
  }, null);
}

/** Parameters of campaigns and the like, which name no other product. */
const noise = /^(utm_.*|gclid|fbclid|ref|ref_|tag|source|srsltid|_.*)$/i;

function isHere(item: Item, page: URL): boolean {
  return [textOf(item, 'url'), item.id].some((text) => {
    if (text === null || text === '') return false;
    const url = URL.parse(text, page.href);
    return url !== null && !text.startsWith('#') && place(url) === place(page);
  });
}

function place(url: URL): string {
  const query = [...url.searchParams]
    .filter(([name]) => !noise.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const host = url.hostname.replace(/^(www|m)\./, '');
  return `${host}${url.pathname.replace(/\/$/, '')}?${new URLSearchParams(query).toString()}`;
}
