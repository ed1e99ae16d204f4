import type { Availability, ExtractionMethod, Source } from '@daybook/schemas/types/types.generated.ts';

/** What the golden pages of `scrapers/fixtures/pages` say. A change here is a new extractor version. */
export type Golden = Readonly<{
  page: string;
  url: string;
  source?: Source;
  /** `null`: no price. */
  price: readonly [amountMinor: number, currency: string, method: ExtractionMethod] | null;
  availability?: Availability;
  seller?: string;
  title: string;
  /** Default: true. */
  product?: boolean;
}>;

export const goldens: readonly Golden[] = [
  {
    page: 'json-ld-simple',
    url: 'https://haus-nord.de/lampe',
    price: [8990, 'EUR', 'jsonLd'],
    availability: 'inStock',
    seller: 'Haus Nord',
    title: 'Tischlampe Nordlicht',
  },
  {
    page: 'json-ld-graph',
    url: 'https://store.example/kettle',
    price: [4950, 'USD', 'jsonLd'],
    availability: 'limited',
    seller: 'Kettle House',
    title: 'Kettle',
  },
  {
    page: 'json-ld-sins',
    url: 'https://shop.co.uk/mug',
    price: [123450, 'GBP', 'jsonLd'],
    availability: 'inStock',
    title: 'Mug with a line break and a tab',
  },
  {
    page: 'json-ld-entities',
    url: 'https://shop.example/salt',
    price: [1200, 'USD', 'jsonLd'],
    title: 'Salt & Pepper',
  },
  {
    page: 'json-ld-aggregate',
    url: 'https://shop.example/h',
    price: [34900, 'USD', 'jsonLd'],
    availability: 'inStock',
    title: 'Headphones',
  },
  {
    page: 'json-ld-aggregate-sellers',
    url: 'https://shop.example/h',
    price: [32900, 'USD', 'jsonLd'],
    availability: 'inStock',
    seller: 'Third Avenue',
    title: 'Headphones',
  },
  {
    page: 'json-ld-variants',
    url: 'https://shop.ch/rucksack',
    price: [124900, 'CHF', 'jsonLd'],
    availability: 'inStock',
    title: 'Rucksack S',
  },
  {
    page: 'json-ld-variants',
    url: 'https://www.shop.ch/rucksack?variant=2',
    price: [129900, 'CHF', 'jsonLd'],
    availability: 'backOrder',
    title: 'Rucksack M',
  },
  {
    page: 'json-ld-specification',
    url: 'https://shop.fr/tablier',
    price: [4200, 'EUR', 'jsonLd'],
    availability: 'preOrder',
    title: 'Tablier',
  },
  {
    page: 'json-ld-related',
    url: 'https://shop.example/meant?utm_source=mail',
    price: [2500, 'USD', 'jsonLd'],
    title: 'The meant one',
  },
  {
    page: 'json-ld-currencies',
    url: 'https://shop.ca/canoe',
    price: [120000, 'CAD', 'jsonLd'],
    title: 'Canoe',
  },
  {
    page: 'json-ld-circle',
    url: 'https://shop.example/o',
    price: [300, 'EUR', 'jsonLd'],
    title: 'Ouroboros',
  },
  {
    page: 'microdata',
    url: 'https://shop.jp/tetsubin',
    price: [12800, 'JPY', 'microdata'],
    availability: 'inStock',
    seller: '南部商店',
    title: '京都の鉄瓶',
  },
  {
    page: 'microdata-text',
    url: 'https://loja.com.br/cadeira',
    price: [129990, 'BRL', 'microdata'],
    availability: 'outOfStock',
    title: 'Cadeira de cortiça',
  },
  {
    page: 'microdata-offer-only',
    url: 'https://shop.fr/p',
    price: [11900, 'EUR', 'microdata'],
    title: 'Parapluie',
  },
  {
    page: 'rdfa',
    url: 'https://shop.in/rug',
    price: [12345600, 'INR', 'rdfa'],
    availability: 'inStock',
    seller: 'Weavers',
    title: 'Jaipur rug',
  },
  {
    page: 'meta-og',
    url: 'https://shop.dk/cykel',
    price: [899500, 'DKK', 'meta'],
    availability: 'outOfStock',
    title: "Cykel 'Byen'",
  },
  { page: 'meta-sale', url: 'https://shop.com.au/hat', price: [8000, 'AUD', 'meta'], title: 'Hat' },
  { page: 'meta-twitter', url: 'https://tienda.es/taza', price: [1295, 'EUR', 'meta'], title: 'Taza' },
  {
    page: 'amazon-com',
    url: 'https://www.amazon.com/Wireless-Mouse/dp/B0EXAMPLE1/ref=sr_1_1',
    source: 'amazon',
    price: [102999, 'USD', 'selector'],
    availability: 'inStock',
    seller: 'Mouse House',
    title: 'Wireless Mouse, Graphite',
  },
  {
    page: 'amazon-de',
    url: 'https://www.amazon.de/gp/product/B0EXAMPLE2',
    source: 'amazon',
    price: [124900, 'EUR', 'selector'],
    availability: 'limited',
    seller: 'Mühlenhaus',
    title: 'Kaffeemühle',
  },
  {
    page: 'amazon-other',
    url: 'https://www.amazon.com/dp/B0EXAMPLE1',
    source: 'amazon',
    price: null,
    title: 'Another thing',
    product: false,
  },
  {
    page: 'amazon-unavailable',
    url: 'https://www.amazon.com/dp/B0EXAMPLE1',
    source: 'amazon',
    price: null,
    availability: 'outOfStock',
    title: 'Gone thing',
  },
  {
    page: 'ebay',
    url: 'https://www.ebay.com/itm/1234',
    source: 'ebay',
    price: [14995, 'USD', 'selector'],
    availability: 'limited',
    seller: 'lens.attic',
    title: 'Vintage camera',
  },
  {
    page: 'ebay-ended',
    url: 'https://www.ebay.com/itm/1234',
    source: 'ebay',
    price: null,
    availability: 'discontinued',
    title: 'Vintage camera',
  },
  {
    page: 'ebay-de',
    url: 'https://www.ebay.de/itm/1234',
    source: 'ebay',
    price: [114900, 'EUR', 'selector'],
    title: 'Kamera',
  },
  {
    page: 'shopify-embedded',
    url: 'https://kontor.example/products/notebook',
    source: 'shopify',
    price: [2100, 'CAD', 'productJson'],
    availability: 'inStock',
    seller: 'Kontor',
    title: 'Corner notebook',
  },
  {
    page: 'shopify-embedded',
    url: 'https://kontor.example/products/notebook?variant=11',
    source: 'shopify',
    price: [1900, 'CAD', 'productJson'],
    availability: 'outOfStock',
    seller: 'Kontor',
    title: 'Corner notebook',
  },
  {
    page: 'shopify-bare',
    url: 'https://kontor.example/products/notebook',
    source: 'shopify',
    price: null,
    title: 'Notebook',
    product: false,
  },
  {
    page: 'woocommerce',
    url: 'https://sklep.pl/krzeslo',
    price: [129900, 'PLN', 'selector'],
    title: 'Krzesło',
  },
  {
    page: 'plain-kwd',
    url: 'https://shop.com.kw/dallah',
    price: [1234500, 'KWD', 'selector'],
    title: 'دلة قهوة',
  },
  { page: 'plain-list', url: 'https://shop.example/shelf', price: null, title: 'Shelf', product: false },
  {
    page: 'on-request',
    url: 'https://shop.example/table',
    price: null,
    availability: 'inStock',
    title: 'Table',
  },
  { page: 'article', url: 'https://news.example/a', price: null, title: 'Prices rise', product: false },
];
