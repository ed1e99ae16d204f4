/** The demo shop as a web server on the loopback interface. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type Request, type Response } from 'express';
import { catalogue } from './catalogue.ts';
import { productJson } from './markup.ts';
import { localAmount, plainAmount } from './money.ts';
import { captchaPage, missingPage, productPage, shelfPage } from './pages.ts';
import { priceAt } from './prices.ts';
import type { Listing, ShopProduct } from './product.ts';

export type ShopOptions = Readonly<{
  /** Default: any free port. */
  port?: number;
  /** The same seed gives the same prices at the same steps. */
  seed: number;
  /** Length of a step in which prices stand still. Default 5 000. */
  stepMs?: number;
  /** How long the leaving product is there. Default 60 000. */
  leavesAfterMs?: number;
  /** How long the slow page takes. Default 3 000. */
  slowMs?: number;
  /** Milliseconds since the shop opened. Default: wall time. */
  elapsedMs?: () => number;
  /** Told of every price given out: what a scrape may find. */
  onPrice?: (listing: Listing) => void;
}>;

/** A shop that is open. */
export type RunningShop = Readonly<{
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** `127.0.0.1:<port>`, as outbound allow-lists want it. */
  host: string;
  products: readonly Readonly<{ product: ShopProduct; url: string }>[];
  /** What a product costs at this moment. */
  listing: (slug: string) => Listing;
  /** Closes at once, open connections included. */
  close: () => Promise<void>;
}>;

/** The corner that robots may not enter, and how often they may knock. */
const robotsTxt = `User-agent: *
Disallow: /private/
Disallow: /captcha/
Allow: /
Crawl-delay: 0.1
`;

/** Opens the shop on 127.0.0.1. */
export async function openShop(options: ShopOptions): Promise<RunningShop> {
  const opened = performance.now();
  const elapsedMs = options.elapsedMs ?? (() => performance.now() - opened);
  let base = '';
  const listingOf = (product: ShopProduct): Listing => ({
    product,
    amountMinor: priceAt(product, options.seed, Math.floor(elapsedMs() / (options.stepMs ?? 5_000))),
    url: base + product.path,
  });
  const app = shopApp({ options, elapsedMs, listingOf });
  const server = await listen(app, options.port ?? 0);
  const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  base = `http://${host}`;
  return {
    url: base,
    host,
    products: catalogue.map((product) => ({ product, url: base + product.path })),
    listing: (slug) => {
      const product = catalogue.find((one) => one.slug === slug);
      if (product === undefined) throw new Error(`The shop does not sell ${slug}.`);
      return listingOf(product);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
    },
  };
}

type Context = Readonly<{
  options: ShopOptions;
  elapsedMs: () => number;
  listingOf: (product: ShopProduct) => Listing;
}>;

function shopApp(context: Context): Express {
  const { options, listingOf } = context;
  const app = express();
  app.disable('x-powered-by');
  app.get('/robots.txt', (_, response) => {
    response.type('text/plain').send(robotsTxt);
  });
  app.get('/', (_, response) => {
    response.send(shelfPage(catalogue.map(listingOf)));
  });
  app.get('/api/offers/:slug', (request, response) => {
    const product = catalogue.find((one) => one.slug === request.params.slug && one.markup === 'script');
    if (product === undefined) {
      response.status(404).json({ error: 'unknown' });
      return;
    }
    const listing = listingOf(product);
    options.onPrice?.(listing);
    response.json({
      price: plainAmount(listing.amountMinor, product.currency),
      currency: product.currency,
      shown: localAmount(listing.amountMinor, product.currency, product.locale),
    });
  });
  for (const product of catalogue) {
    app.get(product.path, (_, response) => {
      answer(product, context, response);
    });
    if (product.markup === 'shopify') {
      app.get([`${product.path}.js`, `${product.path}.json`], (request, response) => {
        const listing = listingOf(product);
        options.onPrice?.(listing);
        response.json(
          request.path.endsWith('.json') ? { product: shopifyAdmin(listing) } : productJson(listing),
        );
      });
    }
  }
  app.use((_: Request, response: Response) => {
    response.status(404).send(missingPage(404));
  });
  return app;
}

/** `/products/<handle>.json` writes prices as decimal text, unlike `.js`. */
function shopifyAdmin(listing: Listing): Record<string, unknown> {
  const price = plainAmount(listing.amountMinor, listing.product.currency);
  const json = productJson(listing);
  return {
    ...json,
    price,
    variants: [
      { id: 1, title: 'Default', price, price_currency: listing.product.currency, sku: listing.product.slug },
    ],
  };
}

function answer(product: ShopProduct, context: Context, response: Response): void {
  const { options, elapsedMs, listingOf } = context;
  const show = (): void => {
    const listing = listingOf(product);
    if (product.markup !== 'script') options.onPrice?.(listing);
    response.set('cache-control', 'no-store').send(productPage(listing));
  };
  switch (product.behaviour) {
    case 'ordinary':
    case 'forbidden':
      show();
      break;
    case 'captcha':
      response.status(403).send(captchaPage());
      break;
    case 'leaves':
      if (elapsedMs() < (options.leavesAfterMs ?? 60_000)) show();
      else response.status(410).send(missingPage(410));
      break;
    case 'slow': {
      const timer = setTimeout(show, options.slowMs ?? 3_000);
      response.on('close', () => {
        clearTimeout(timer);
      });
      break;
    }
    case 'loops':
      response.redirect(302, `${product.path}?round=${String(Math.floor(elapsedMs()))}`);
      break;
  }
}

function listen(app: Express, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = app.listen(port, '127.0.0.1', (error?: Error) => {
      if (error === undefined) resolve(server);
      else reject(error);
    });
  });
}
