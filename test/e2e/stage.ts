/** What the suites of the interface share: one running system, one open shop, and ways to look at both. */
import { openShop, type RunningShop } from '@daybook/cli/demo/shop/shop.ts';
import { callerOf, must, signUp, type Answer, type Caller, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startSystem, type Mode, type System, type SystemOptions } from '../support/system.ts';

/** A product as the interface lists it; the fields that tests look at. */
export type Product = Readonly<{
  productId: string;
  name: string | null;
  url: string;
  source: string;
  status: string;
  price: Readonly<{ amountMinor: number; currency: string }> | null;
  availability: string | null;
  lastCheckedAt: string | null;
  lastOutcome: string | null;
  lastProblem: string | null;
  nextCheckAt: string | null;
}>;

export type Page<Item> = Readonly<{ items: readonly Item[]; next: string | null }>;

/** A running system and the shop it may reach. Prices of the shop move when a test moves its time. */
export type Stage = Readonly<{
  mode: Mode;
  system: System;
  /** What commands need to find the same installation. */
  env: Readonly<Record<string, string>>;
  shop: RunningShop;
  /** Lets so many milliseconds pass in the shop. */
  letPass: (ms: number) => void;
  call: Caller;
  /** A fresh person with a tenant of their own. */
  join: (businessName?: string) => Promise<Person>;
  close: () => Promise<void>;
}>;

/** Length of a step of the shop on a stage. */
export const stepMs = 1_000;

/** Builds a stage. The slow page of the shop is quick here; slowness has a test of its own. */
export async function openStage(
  mode: Mode,
  env: Readonly<Record<string, string>> = {},
  more: Pick<SystemOptions, 'databaseUrl'> = {},
): Promise<Stage> {
  let elapsed = 0;
  const shop = await openShop({
    seed: 7,
    stepMs,
    leavesAfterMs: 1_000 * stepMs,
    slowMs: 50,
    elapsedMs: () => elapsed,
  });
  const system = await startSystem({
    ...more,
    mode,
    env: { OUTBOUND_ALLOW_HOSTS: shop.host, ...env },
  });
  const call = callerOf(system.addresses);
  return {
    mode,
    system,
    env: { ...env, DAYBOOK_DATA: system.folder },
    shop,
    letPass: (ms) => {
      elapsed += ms;
    },
    call,
    join: (businessName) => signUp(call, businessName),
    close: async () => {
      await system.discard();
      await shop.close();
    },
  };
}

/** The whole address of a product of the shop. */
export function pageOf(shop: RunningShop, slug: string): string {
  return shop.listing(slug).url;
}

/** Tracks a page; answers with the product's id. */
export async function track(person: Person, url: string, more: object = {}): Promise<string> {
  const answer = await person.call('POST', '/v1/market/products', { body: { url, ...more } });
  return (must(answer, 201) as { productId: string }).productId;
}

/** The product as the interface shows it. */
export async function productOf(person: Person, productId: string): Promise<Product> {
  return must(await person.call('GET', `/v1/market/products/${productId}`), 200) as Product;
}

/** Waits until a product was checked with this outcome, and answers with it. */
export function checked(
  person: Person,
  productId: string,
  outcome: string,
  withinMs = 30_000,
): Promise<Product> {
  return eventually(
    async () => {
      const product = await productOf(person, productId);
      if (product.lastOutcome !== outcome) {
        throw new Error(`${product.url}: ${String(product.lastOutcome)} (${String(product.lastProblem)})`);
      }
      return product;
    },
    { withinMs, everyMs: 50 },
  );
}

/** How far the log was at the answer to a command. */
export function positionOf(answer: Answer): string {
  const position = answer.headers.get('daybook-position');
  if (position === null) throw new Error('The answer names no position.');
  return position;
}
