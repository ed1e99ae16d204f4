import type { Availability } from '@daybook/schemas/types/types.generated.ts';

/** schema.org's ItemAvailability (https://schema.org/ItemAvailability), and what Facebook's catalogue calls the same. */
const byName: Readonly<Record<string, Availability>> = {
  instock: 'inStock',
  onlineonly: 'inStock',
  instoreonly: 'inStock',
  madetoorder: 'inStock',
  available: 'inStock',
  availablefororder: 'inStock',
  reserved: 'outOfStock',
  outofstock: 'outOfStock',
  oos: 'outOfStock',
  soldout: 'outOfStock',
  unavailable: 'outOfStock',
  preorder: 'preOrder',
  presale: 'preOrder',
  comingsoon: 'preOrder',
  backorder: 'backOrder',
  limitedavailability: 'limited',
  discontinued: 'discontinued',
};

/** Sentences of shops, the most telling first: "not in stock" must not be read as "in stock". */
const sentences: readonly (readonly [RegExp, Availability])[] = [
  [/discontinued|no longer (available|sold|made)|nicht mehr lieferbar|plus commercialis/i, 'discontinued'],
  [/pre-?order|vorbestell|précommande|preventa|préco/i, 'preOrder'],
  [/back-?order|nachbestell|back in (one|two|three|\d+) weeks?|réapprovisionnement/i, 'backOrder'],
  [
    /out of stock|sold out|unavailable|not (currently )?(available|in stock)|ausverkauft|nicht (auf lager|verfügbar|vorrätig)|rupture|épuisé|indisponible|agotado|esaurito|uitverkocht|slutsåld|slut i lager|udsolgt|utsolgt|wyprzedan|нет в наличии|在庫切れ|品切れ|缺货|售罄|نفد/i,
    'outOfStock',
  ],
  [
    /only (\d+|a few) left|nur noch \d+|last (one|\d+)|more than \d+ sold.*last|plus que \d+|solo quedan/i,
    'limited',
  ],
  [
    /in stock|available|auf lager|lieferbar|verfügbar|vorrätig|en stock|disponible|disponibile|op voorraad|i lager|på lager|w magazynie|dostępny|в наличии|在庫あり|有货|现货|متوفر/i,
    'inStock',
  ],
];

/** The availability that a schema.org URL, a catalogue word or a sentence of a shop states. */
export function availabilityOf(text: string | null | undefined): Availability {
  if (text === null || text === undefined) return 'unknown';
  const name = text
    .trim()
    .replace(/^.*[/#:]/, '')
    .toLowerCase()
    .replace(/[\s_-]/g, '');
  const known = byName[name];
  if (known !== undefined) return known;
  return sentences.find(([sentence]) => sentence.test(text.slice(0, 500)))?.[1] ?? 'unknown';
}
