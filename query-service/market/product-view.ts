import { z } from 'zod';
import { nextOccurrence } from '@daybook/infra/runtime/next-occurrence.ts';
import { checkSpreadMs } from '@daybook/schemas/market/check-spread.ts';

/** What queries read of a row of `products`. */
export type ProductRow = Readonly<{
  productId: string;
  url: string;
  host: string;
  source: z.output<typeof source>;
  status: z.output<typeof status>;
  name: string | null;
  title: string | null;
  label: string;
  tags: readonly string[];
  group: string | null;
  cron: string;
  timeZone: string;
  trackedAt: string;
  availability: string | null;
  seller: string | null;
  lastCheckedAt: string | null;
  lastOutcome: string | null;
  lastProblem: string | null;
  checkCount: number;
  failureCount: number;
  amountMinor: number | null;
  currency: string | null;
  priceCount: number;
  lowMinor: number | null;
  highMinor: number | null;
  averageMinor: number | null;
  recentMinor: readonly number[];
  changePercent: number;
  changedAt: string | null;
}>;

export const source = z.enum(['amazon', 'ebay', 'shopify', 'page']);
export const status = z.enum(['active', 'paused', 'stopped']);

const text = z.string();
const money = z.strictObject({
  amountMinor: z.int().meta({ description: 'Minor units of the currency: cents for EUR.' }),
  currency: text.meta({ description: 'ISO 4217.' }),
});

/** A product as lists show it. */
export const productSummary = z.strictObject({
  productId: text,
  name: text.meta({ description: 'Name the tenant gave, else title of the page, else its URL.' }),
  url: text,
  source,
  status,
  tags: z.array(text).readonly(),
  group: text.nullable(),
  price: money.nullable(),
  changePercent: z.number().meta({ description: 'The last change of the price; 0 until there is one.' }),
  changedAt: text.nullable(),
  availability: text.nullable(),
  trackedAt: text,
  lastCheckedAt: text.nullable(),
  lastOutcome: text.nullable().meta({ description: '`price`, or why the last check found none.' }),
});

const trend = z.strictObject({
  direction: z.enum(['up', 'down', 'steady']),
  percent: z.number().meta({ description: 'The price against the mean of up to nine before it.' }),
});

/** A product with everything there is to say of it. */
export const productDetail = productSummary.extend({
  title: text.nullable(),
  seller: text.nullable(),
  schedule: z.strictObject({ cron: text, timeZone: text }),
  nextCheckAt: text.nullable().meta({ description: 'Null while paused or stopped.' }),
  lastProblem: text.nullable(),
  low: money.nullable(),
  high: money.nullable(),
  average: money.nullable(),
  trend: trend.nullable().meta({ description: 'Null until there are two prices.' }),
  priceCount: z.int(),
  checkCount: z.int(),
  failureCount: z.int(),
});

type Summary = z.output<typeof productSummary>;
type Detail = z.output<typeof productDetail>;

/** A row as lists show it. */
export function summaryOf(row: ProductRow): Summary {
  const { productId, label, url, source: kind, tags, group, changePercent, changedAt } = row;
  return {
    productId,
    name: label,
    url,
    source: kind,
    status: row.status,
    tags,
    group,
    price: moneyOf(row.amountMinor, row.currency),
    changePercent,
    changedAt,
    availability: row.availability,
    trackedAt: row.trackedAt,
    lastCheckedAt: row.lastCheckedAt,
    lastOutcome: row.lastOutcome,
  };
}

/** A row with everything there is to say of it; `now` decides which check is the next. */
export function detailOf(row: ProductRow, now: string): Detail {
  const { cron, timeZone, currency } = row;
  return {
    ...summaryOf(row),
    title: row.title,
    seller: row.seller,
    schedule: { cron, timeZone },
    nextCheckAt:
      row.status === 'active'
        ? nextOccurrence({ cron, timeZone, spreadMs: checkSpreadMs }, row.productId, now)
        : null,
    lastProblem: row.lastProblem,
    low: moneyOf(row.lowMinor, currency),
    high: moneyOf(row.highMinor, currency),
    average: moneyOf(row.averageMinor === null ? null : Math.round(row.averageMinor), currency),
    trend: trendOf(row.recentMinor),
    priceCount: row.priceCount,
    checkCount: row.checkCount,
    failureCount: row.failureCount,
  };
}

/** An amount with its currency; null where either is missing. */
export function moneyOf(amountMinor: number | null, currency: string | null): Summary['price'] {
  return amountMinor === null || currency === null ? null : { amountMinor, currency };
}

/** The last of some prices against the mean of those before; null where there is none before. */
export function trendOf(recent: readonly number[]): Detail['trend'] {
  const last = recent.at(-1);
  const before = recent.slice(0, -1);
  if (last === undefined || before.length === 0) return null;
  const mean = before.reduce((sum, amount) => sum + amount, 0) / before.length;
  const percent = mean === 0 ? 0 : Math.round(((last - mean) / mean) * 10_000) / 100;
  return { direction: percent > 0 ? 'up' : percent < 0 ? 'down' : 'steady', percent };
}
