/** The ways in which pages tell a price: one template each, from a listing to the pieces of its page. */
import { localAmount, localNumber, plainAmount } from './money.ts';
import type { Listing, Markup } from './product.ts';

/** Pieces of a product page: what goes into its head, and the block that shows the price. */
export type MarkedUp = Readonly<{ head: string; offer: string }>;

/** Text that is safe inside HTML text and quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** The page's pieces for a listing. */
export function markUp(listing: Listing): MarkedUp {
  return templates[listing.product.markup](listing);
}

const schema = 'https://schema.org';

function ldScript(data: unknown): string {
  return `<script type="application/ld+json">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>`;
}

function shown({ product, amountMinor }: Listing): string {
  return escapeHtml(localAmount(amountMinor, product.currency, product.locale));
}

/** For people only: class names that no extractor knows. */
function visiblePrice(listing: Listing): string {
  return `<p class="amount">${shown(listing)}</p>`;
}

function ldProduct(listing: Listing, offers: unknown): Record<string, unknown> {
  const { product } = listing;
  return {
    '@type': 'Product',
    name: product.name,
    description: product.tagline,
    sku: product.slug,
    brand: { '@type': 'Brand', name: 'Kontor' },
    offers,
  };
}

function ldOffer({ product, amountMinor, url }: Listing): Record<string, unknown> {
  return {
    '@type': 'Offer',
    url,
    price: plainAmount(amountMinor, product.currency),
    priceCurrency: product.currency,
    availability: `${schema}/${product.availability}`,
    seller: { '@type': 'Organization', name: 'Kontor' },
  };
}

function share(listing: Listing, factor: number): Listing {
  return { ...listing, amountMinor: Math.round((listing.amountMinor * factor) / 100) * 100 };
}

const templates: Readonly<Record<Markup, (listing: Listing) => MarkedUp>> = {
  jsonLd: (listing) => ({
    head: ldScript({ '@context': schema, ...ldProduct(listing, ldOffer(listing)) }),
    offer: visiblePrice(listing),
  }),

  jsonLdGraph: (listing) => ({
    head: ldScript({
      '@context': schema,
      '@graph': [
        { '@type': 'Organization', '@id': '#shop', name: 'Kontor' },
        {
          '@type': 'BreadcrumbList',
          itemListElement: [{ '@type': 'ListItem', position: 1, name: 'Kitchen' }],
        },
        { '@id': '#product', ...ldProduct(listing, { '@id': '#offer' }) },
        { '@id': '#offer', ...ldOffer(listing) },
      ],
    }),
    offer: visiblePrice(listing),
  }),

  jsonLdArray: (listing) => ({
    head:
      // Shops do ship broken blocks; the good one stands behind it.
      '<script type="application/ld+json">{"@type":"WebSite","name":"Kontor",}</script>' +
      ldScript([
        { '@context': schema, '@type': 'WebSite', name: 'Kontor' },
        { '@context': schema, ...ldProduct(listing, [ldOffer(listing)]) },
      ]),
    offer: visiblePrice(listing),
  }),

  jsonLdAggregate: (listing) => {
    const sellers = [listing, share(listing, 1.05), share(listing, 1.12)];
    return {
      head: ldScript({
        '@context': schema,
        ...ldProduct(listing, {
          '@type': 'AggregateOffer',
          lowPrice: plainAmount(listing.amountMinor, listing.product.currency),
          highPrice: plainAmount(share(listing, 1.12).amountMinor, listing.product.currency),
          priceCurrency: listing.product.currency,
          offerCount: sellers.length,
          availability: `${schema}/${listing.product.availability}`,
        }),
      }),
      offer: `<ul class="sellers">${sellers
        .map(
          (one, index) =>
            `<li>${['Kontor', 'Second Street', 'Third Avenue'][index] ?? ''} ${shown(one)}</li>`,
        )
        .join('')}</ul>`,
    };
  },

  jsonLdVariants: (listing) => ({
    head: ldScript({
      '@context': schema,
      '@type': 'ProductGroup',
      name: listing.product.name,
      productGroupID: listing.product.slug,
      variesBy: [`${schema}/size`],
      hasVariant: [
        { ...ldProduct(listing, ldOffer(listing)), size: 'S' },
        { ...ldProduct(listing, ldOffer(share(listing, 1.1))), size: 'M', sku: 'm' },
        { ...ldProduct(listing, ldOffer(share(listing, 1.2))), size: 'L', sku: 'l' },
      ],
    }),
    offer: `${visiblePrice(listing)}<p class="hint">Size S; M and L cost a little more.</p>`,
  }),

  jsonLdSpecification: (listing) => {
    const { product, amountMinor, url } = listing;
    return {
      head: ldScript({
        '@context': schema,
        ...ldProduct(listing, {
          '@type': 'Offer',
          url,
          availability: `${schema}/${product.availability}`,
          priceSpecification: {
            '@type': 'UnitPriceSpecification',
            price: Number(plainAmount(amountMinor, product.currency)),
            priceCurrency: product.currency,
            valueAddedTaxIncluded: true,
          },
        }),
      }),
      offer: visiblePrice(listing),
    };
  },

  microdata: (listing) => {
    const { product, amountMinor } = listing;
    return {
      head: '',
      offer: `<div itemscope itemtype="${schema}/Product">
        <meta itemprop="name" content="${escapeHtml(product.name)}">
        <div itemprop="offers" itemscope itemtype="${schema}/Offer">
          <p class="amount"><span itemprop="priceCurrency" content="${product.currency}"></span>
          <span itemprop="price" content="${plainAmount(amountMinor, product.currency)}">${shown(listing)}</span></p>
          <link itemprop="availability" href="${schema}/${product.availability}">
        </div></div>`,
    };
  },

  rdfa: (listing) => {
    const { product, amountMinor } = listing;
    return {
      head: '',
      offer: `<div vocab="${schema}/" typeof="Product">
        <meta property="name" content="${escapeHtml(product.name)}">
        <div property="offers" typeof="Offer">
          <meta property="priceCurrency" content="${product.currency}">
          <p class="amount">₹ <span property="price">${localNumber(amountMinor, product.currency, product.locale)}</span></p>
          <link property="availability" href="${schema}/${product.availability}">
        </div></div>`,
    };
  },

  metaTags: (listing) => {
    const { product, amountMinor } = listing;
    const written =
      product.currency === 'USD'
        ? plainAmount(amountMinor, product.currency)
        : localNumber(amountMinor, product.currency, product.locale);
    return {
      head: `<meta property="og:type" content="product">
        <meta property="product:price:amount" content="${written}">
        <meta property="product:price:currency" content="${product.currency}">
        <meta property="product:availability" content="instock">`,
      offer: visiblePrice(listing),
    };
  },

  shopify: (listing) => ({
    // A Shopify theme leaves this trace; the price itself is in the product's JSON beside the page.
    head: `<script>window.Shopify = { shop: "kontor.example", currency: { active: "${listing.product.currency}" } };</script>
      <meta property="product:price:currency" content="${listing.product.currency}">`,
    offer: `<script type="application/json" data-product-json>${JSON.stringify(productJson(listing))}</script>${visiblePrice(listing)}`,
  }),

  plain: (listing) => ({
    head: '',
    offer: `<p class="amount product-price"><span class="price">${shown(listing)}</span></p>`,
  }),

  script: (listing) => ({
    head: '',
    offer: `<p class="amount product-price" id="late">…</p>
      <script>
        fetch('/api/offers/${listing.product.slug}').then((answer) => answer.json()).then((offer) => {
          document.getElementById('late').innerHTML =
            '<span class="price" itemscope itemtype="${schema}/Offer"><meta itemprop="priceCurrency" content="' + offer.currency +
            '"><span itemprop="price" content="' + offer.price + '">' + offer.shown + '</span></span>';
        });
      </script>`,
  }),

  onRequest: () => ({ head: '', offer: '<p class="amount">Price on request</p>' }),
};

/** A product as a Shopify store gives it out beside the page (`/products/<handle>.js`): prices in hundredths. */
export function productJson({ product, amountMinor }: Listing): Record<string, unknown> {
  const available = product.availability === 'InStock';
  return {
    id: 4711,
    title: product.name,
    handle: product.slug,
    vendor: 'Kontor',
    price: amountMinor,
    available,
    variants: [{ id: 1, title: 'Default', price: amountMinor, available, sku: product.slug }],
  };
}
