import { z } from 'zod';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';
import { members } from '../shared/access.ts';
import { productSummary, summaryOf, type ProductRow } from './product-view.ts';

const offer = productSummary.extend({
  host: z.string(),
  seller: z.string().nullable(),
  aboveCheapestPercent: z
    .number()
    .nullable()
    .meta({ description: '0 for the cheapest of its currency; null without a price.' }),
});

export const compareGroup: Query<TenantDb> = defineQuery({
  name: 'compareGroup',
  summary: 'One product over several shops: the products of a group, cheapest first.',
  access: members,
  path: '/v1/market/compare',
  input: z.strictObject({ group: z.string().min(1).max(100) }),
  output: z.strictObject({ group: z.string(), items: z.array(offer) }),
  reads: ['products'],
  run: async (db: TenantDb, { group }) => {
    const rows = await db
      .from<ProductRow>('products')
      .where({ group })
      .whereNot('status', 'stopped')
      .limit(200);
    return rows.length === 0 ? null : { group, items: compared(rows) };
  },
});

/** Offers by currency and price; those without a price last. */
export function compared(rows: readonly ProductRow[]): z.output<typeof offer>[] {
  const cheapest = new Map<string, number>();
  for (const { currency, amountMinor } of rows) {
    if (currency === null || amountMinor === null) continue;
    cheapest.set(currency, Math.min(cheapest.get(currency) ?? amountMinor, amountMinor));
  }
  return rows.toSorted(byCurrencyAndPrice).map((row) => ({
    ...summaryOf(row),
    host: row.host,
    seller: row.seller,
    aboveCheapestPercent: above(cheapest.get(row.currency ?? ''), row.amountMinor),
  }));
}

function byCurrencyAndPrice(a: ProductRow, b: ProductRow): number {
  if (a.currency !== b.currency) {
    if (a.currency === null || b.currency === null) return a.currency === null ? 1 : -1;
    return a.currency < b.currency ? -1 : 1;
  }
  return (a.amountMinor ?? 0) - (b.amountMinor ?? 0) || (a.productId < b.productId ? -1 : 1);
}

function above(cheapest: number | undefined, amountMinor: number | null): number | null {
  if (cheapest === undefined || amountMinor === null) return null;
  return cheapest === 0 ? 0 : Math.round(((amountMinor - cheapest) / cheapest) * 10_000) / 100;
}
