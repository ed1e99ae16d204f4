import { z } from 'zod';
import { cursors, pageOf } from '@daybook/infra/http/cursor.ts';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';
import { members } from '../shared/access.ts';
import { csv } from '../shared/csv.ts';
import { cursor, instant, limit, page } from '../shared/lists.ts';

const observation = z.strictObject({
  observedAt: z.string(),
  amountMinor: z.int(),
  currency: z.string(),
  availability: z.string(),
  seller: z.string().nullable(),
  method: z.string().meta({ description: 'Where in the page the price stood.' }),
  extractorVersion: z.int(),
  snapshotHash: z.string().meta({ description: 'SHA-256 of the page that was read.' }),
});

type Observation = z.output<typeof observation>;
type PriceRow = Observation & Readonly<{ productId: string; observationId: string }>;

export const listPrices: Query<TenantDb> = defineQuery({
  name: 'listPrices',
  summary: 'The price history of a product, newest first; as CSV with `Accept: text/csv`.',
  access: members,
  path: '/v1/market/products/{productId}/prices',
  input: z.strictObject({
    productId: z.string().max(100),
    from: instant.optional(),
    to: instant.optional(),
    limit: limit(100, 10_000),
    cursor,
  }),
  output: page(observation),
  reads: ['products', 'prices'],
  run: async (db: TenantDb, { productId, from, to, limit: most, cursor: at }) => {
    const known = await db.from('products').where({ productId }).select('productId');
    if (known.length === 0) return null;
    const { write, read } = cursors([productId, from, to], ['instant', 'text']);
    const query = db.from<PriceRow>('prices').where({ productId });
    if (from !== undefined) void query.where('observedAt', '>=', from);
    if (to !== undefined) void query.where('observedAt', '<', to);
    if (at !== undefined) {
      const [observedAt = null, observationId = null] = read(at);
      void query.whereRaw('(??, ??) < (?, ?)', ['observedAt', 'observationId', observedAt, observationId]);
    }
    const rows = await query
      .orderBy([
        { column: 'observedAt', order: 'desc' },
        { column: 'observationId', order: 'desc' },
      ])
      .limit(most + 1);
    return pageOf(rows, most, observationOf, (row) => write([row.observedAt, row.observationId]));
  },
  formats: {
    'text/csv': ({ items }) => csv(Object.keys(observation.shape) as (keyof Observation)[], items),
  },
});

function observationOf(row: PriceRow): Observation {
  const { observedAt, amountMinor, currency, availability, seller, method, extractorVersion, snapshotHash } =
    row;
  return { observedAt, amountMinor, currency, availability, seller, method, extractorVersion, snapshotHash };
}
