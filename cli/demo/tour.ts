/** The demo: a tenant signs up through the public interface, tracks the shop, and what happens is shown. */
import { randomBytes } from 'node:crypto';
import { paint, type Screen } from '../terminal/screen.ts';
import { InterfaceError, makeClient, type Client, type LiveEvent } from './client.ts';
import type { RunningShop } from './shop/shop.ts';
import { changeLine, emptyView, summaryLine, viewLines, withProducts, type ShownProduct } from './view.ts';

/** Who the demo is in the system; kept, so that a second start goes on with the same tenant. */
export type DemoAccount = Readonly<{ userId: string; tenantId: string; email: string }>;

export type TourOptions = Readonly<{
  /** Where the system answers. */
  url: string;
  shop: RunningShop;
  screen: Screen;
  /** True on a terminal: a table is painted; else plain lines are printed. */
  live: boolean;
  /** The account of an earlier start, if there is one. */
  account?: DemoAccount;
  /** Told of the account once it is made. */
  keepAccount: (account: DemoAccount) => Promise<void>;
  /** A token for the account; asked when the one in hand is about to expire. */
  renew: (account: DemoAccount) => Promise<string>;
  /** Between two checks of different products. Default 400. */
  checkEveryMs?: number;
  signal: AbortSignal;
}>;

/** Plays until `signal` aborts. */
export async function playTour(options: TourOptions): Promise<void> {
  const { screen, shop, url } = options;
  const { account, token } = await enter(options);
  const client = makeClient(url, token);
  screen.print([`The shop is open at ${shop.url}, the tenant is ${account.tenantId}.`]);
  const products = await trackAll(client, shop);
  screen.print([`${String(products.length)} products are tracked.`, '']);
  const stage = makeStage(options, client, async () => handout(url, shop, await token(), products));
  await Promise.all([
    stage.run(),
    watch(client, options.signal, stage.onEvent),
    keepChecking(client, products, options),
  ]);
}

/** The interface's answer to a verification. */
type Verified = Readonly<{ jwt: string; tenant_id: string; user: { id: string } }>;

const renewAfterMs = 10 * 60_000;

async function enter(
  options: TourOptions,
): Promise<Readonly<{ account: DemoAccount; token: () => Promise<string> }>> {
  const known = options.account;
  const first = known === undefined ? await signUp(options) : { account: known, jwt: undefined };
  let jwt = first.jwt;
  let issuedAt = performance.now();
  return {
    account: first.account,
    token: async () => {
      if (jwt === undefined || performance.now() - issuedAt > renewAfterMs) {
        jwt = await options.renew(first.account);
        issuedAt = performance.now();
      }
      return jwt;
    },
  };
}

async function signUp({
  url,
  keepAccount,
}: TourOptions): Promise<Readonly<{ account: DemoAccount; jwt: string | undefined }>> {
  const client = makeClient(url);
  const email = `demo-${randomBytes(4).toString('hex')}@example.com`;
  const { token } = (await client.send('POST', '/v1/auth/signup', {
    email,
    name: 'Demo',
    business_name: 'Demo Shop Watch',
    intent: 'track_prices',
  })) as { token: string };
  const verified = (await client.send('POST', '/v1/auth/verify', { token })) as Verified;
  const account = { userId: verified.user.id, tenantId: verified.tenant_id, email };
  await keepAccount(account);
  return { account, jwt: verified.jwt };
}

/** A tracked product and the shop's page behind it. */
type Tracked = Readonly<{ productId: string; slug: string }>;

async function trackAll(client: Client, shop: RunningShop): Promise<readonly Tracked[]> {
  const tracked: Tracked[] = [];
  for (const { product, url } of shop.products) {
    const productId = await track(client, {
      url,
      name: product.name,
      tags: product.tags,
      ...(product.markup === 'shopify' ? { source: 'shopify' } : {}),
      ...(product.group === undefined ? {} : { group: product.group }),
    });
    if (productId !== undefined) tracked.push({ productId, slug: product.slug });
  }
  return tracked;
}

/** Tracking again what is tracked names the first: a second start goes on with it. */
async function track(client: Client, body: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  try {
    return ((await client.send('POST', '/v1/market/products', body)) as { productId: string }).productId;
  } catch (error) {
    if (error instanceof InterfaceError && error.status === 409) {
      const first = error.problem.about?.['productId'];
      return first === undefined ? undefined : String(first);
    }
    throw error;
  }
}

async function keepChecking(
  client: Client,
  products: readonly Tracked[],
  { signal, checkEveryMs = 400 }: TourOptions,
): Promise<void> {
  for (let turn = 0; !signal.aborted && products.length > 0; turn += 1) {
    const product = products[turn % products.length];
    if (product !== undefined) {
      // A product that was stopped or a system that is stopping: the next turn shows.
      await client.send('POST', `/v1/market/products/${product.productId}/check`).catch(() => undefined);
    }
    await pause(checkEveryMs, signal);
  }
}

async function watch(
  client: Client,
  signal: AbortSignal,
  onEvent: (event: LiveEvent) => void,
): Promise<void> {
  let lastEventId: string | undefined;
  while (!signal.aborted) {
    try {
      for await (const event of client.follow('/v1/live', {
        signal,
        ...(lastEventId === undefined ? {} : { lastEventId }),
      })) {
        lastEventId = event.id;
        onEvent(event);
      }
    } catch {
      // Ended by the server or by us; it is followed again from the last event seen.
    }
    await pause(500, signal);
  }
}

/** Between two looks at the list, so that a burst of events is one. */
const lookEveryMs = 250;

/** Between two summary lines where nothing is painted. */
const summaryEveryMs = 30_000;

type Stage = Readonly<{ run: () => Promise<void>; onEvent: (event: LiveEvent) => void }>;

function makeStage(
  options: TourOptions,
  client: Client,
  handoutLines: () => Promise<readonly string[]>,
): Stage {
  const { screen, signal, live } = options;
  let view = emptyView;
  let newest: LiveEvent | undefined;
  let dirty = true;
  let handedOut = false;
  let summarisedAt = performance.now();

  async function look(): Promise<void> {
    const awaited = newest;
    const { body, position } = await client.get('/v1/market/products?limit=100&sort=trackedAt');
    const now = Date.now();
    const next = withProducts(view, (body as { items: readonly ShownProduct[] }).items, now);
    view = next.view;
    const caughtUp = awaited !== undefined && position >= awaited.id;
    if (caughtUp) {
      view = { ...view, lagMs: now - Date.parse((awaited.data as { recordedAt: string }).recordedAt) };
      if (newest === awaited) newest = undefined;
    }
    dirty = newest !== undefined;
    if (!live) screen.print(next.changes.map(changeLine));
  }

  async function show(): Promise<void> {
    if (!handedOut && view.rows.some((row) => row.price !== null)) {
      handedOut = true;
      screen.print(await handoutLines());
    }
    if (live) screen.paint(viewLines(view, Date.now()));
    else if (performance.now() - summarisedAt > summaryEveryMs) {
      summarisedAt = performance.now();
      screen.print([summaryLine(view)]);
    }
  }

  return {
    onEvent: (event) => {
      const { type } = event.data as { type?: string };
      if (type !== 'PriceObserved' && type !== 'CheckFailed') return;
      view = { ...view, observations: view.observations + 1 };
      newest = event;
      dirty = true;
    },
    run: async () => {
      while (!signal.aborted) {
        if (dirty) await look().catch(() => undefined);
        await show().catch(() => undefined);
        await pause(lookEveryMs, signal);
      }
    },
  };
}

function handout(
  url: string,
  shop: RunningShop,
  token: string,
  products: readonly Tracked[],
): readonly string[] {
  const productId = products[0]?.productId ?? '';
  return [
    '',
    paint.bold('Look at it'),
    `  shop        ${shop.url}/`,
    `  interface   ${url}/docs`,
    `  health      ${url}/health`,
    '',
    paint.bold('Try it'),
    `  TOKEN=${token}`,
    `  curl -H "Authorization: Bearer $TOKEN" ${url}/v1/market/overview`,
    `  curl -H "Authorization: Bearer $TOKEN" -H "Accept: text/csv" ${url}/v1/market/products/${productId}/prices`,
    `  curl -N -H "Authorization: Bearer $TOKEN" ${url}/v1/live`,
    '',
  ];
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((wake) => {
    if (signal.aborted) {
      wake();
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      wake();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
  });
}
