/** What the demo shop sells, as plain data. How a product is marked up and how its page behaves stand beside it. */

/** How a page tells its price. */
export type Markup =
  | 'jsonLd'
  | 'jsonLdGraph'
  | 'jsonLdArray'
  | 'jsonLdAggregate'
  | 'jsonLdVariants'
  | 'jsonLdSpecification'
  | 'microdata'
  | 'rdfa'
  | 'metaTags'
  | 'shopify'
  | 'plain'
  | 'script'
  | 'onRequest';

/** What a visitor meets before the page itself. `leaves`: the page is there for a while, then it is 404 or 410. */
export type Behaviour = 'ordinary' | 'captcha' | 'leaves' | 'slow' | 'loops' | 'forbidden';

export type Availability = 'InStock' | 'OutOfStock' | 'PreOrder' | 'BackOrder' | 'LimitedAvailability';

/** A product of the shop. */
export type ShopProduct = Readonly<{
  slug: string;
  name: string;
  tagline: string;
  /** Path of its page, `/` first. */
  path: string;
  /** ISO 4217. */
  currency: string;
  /** BCP 47: how the page writes its numbers. */
  locale: string;
  /** The price around which it moves, in minor units of `currency`. */
  baseMinor: number;
  /** Largest move away from `baseMinor`, as a share of it; 0 stands still. */
  swing: number;
  /** It may move once in that many steps of the shop. */
  everySteps: number;
  markup: Markup;
  behaviour: Behaviour;
  availability: Availability;
  tags: readonly string[];
  /** Pages of one thing: the same group. */
  group?: string;
}>;

/** What a visitor sees of a product at a moment. */
export type Listing = Readonly<{
  product: ShopProduct;
  amountMinor: number;
  /** The whole address of the page. */
  url: string;
}>;
