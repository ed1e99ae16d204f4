import { z } from 'zod';
import { cursors, pageOf } from '@daybook/infra/http/cursor.ts';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';
import { members } from '../shared/access.ts';
import { cursor, limit, page } from '../shared/lists.ts';
import {
  detailOf,
  productDetail,
  productSummary,
  source,
  status,
  summaryOf,
  type ProductRow,
} from './product-view.ts';

/** Columns a list may be sorted by, under the names of the interface. */
const sortColumns = { trackedAt: 'trackedAt', name: 'label', changePercent: 'changePercent' } as const;

const sortKinds = { trackedAt: 'instant', name: 'text', changePercent: 'number' } as const;

const sort = z.enum(['trackedAt', '-trackedAt', 'name', '-name', 'changePercent', '-changePercent']);

export const listProducts: Query<TenantDb> = defineQuery({
  name: 'listProducts',
  summary: 'The tracked products of the tenant.',
  access: members,
  path: '/v1/market/products',
  input: z.strictObject({
    status: status.optional().meta({ description: 'Default: all that are not stopped.' }),
    source: source.optional(),
    tag: z.string().max(100).optional(),
    sort: sort.default('-trackedAt').meta({ description: 'A minus sign sorts downwards.' }),
    limit: limit(50, 200),
    cursor,
  }),
  output: page(productSummary),
  reads: ['products'],
  run: async (db: TenantDb, input) => {
    const [name, downwards] = [
      input.sort.replace('-', '') as keyof typeof sortColumns,
      input.sort.startsWith('-'),
    ];
    const column = sortColumns[name];
    const { write, read } = cursors(
      [input.sort, input.status, input.source, input.tag],
      [sortKinds[name], 'text'],
    );
    const query = db.from<ProductRow>('products');
    if (input.status === undefined) void query.whereNot('status', 'stopped');
    else void query.where('status', input.status);
    if (input.source !== undefined) void query.where('source', input.source);
    if (input.tag !== undefined) void query.whereRaw('? = any(??)', [input.tag, 'tags']);
    if (input.cursor !== undefined) {
      const [value = null, productId = null] = read(input.cursor);
      void query.whereRaw(`(??, ??) ${downwards ? '<' : '>'} (?, ?)`, [
        column,
        'productId',
        value,
        productId,
      ]);
    }
    const direction = downwards ? 'desc' : 'asc';
    const rows = await query
      .orderBy([
        { column, order: direction },
        { column: 'productId', order: direction },
      ])
      .limit(input.limit + 1);
    return pageOf(rows, input.limit, summaryOf, (row) => write([row[column], row.productId]));
  },
});

export const getProduct: Query<TenantDb> = defineQuery({
  name: 'getProduct',
  summary: 'A product with its price, figures and next check.',
  access: members,
  path: '/v1/market/products/{productId}',
  input: z.strictObject({ productId: z.string().max(100) }),
  output: productDetail,
  reads: ['products'],
  run: async (db: TenantDb, { productId }, { now }) => {
    const row = await db.find<ProductRow>('products', 'productId', productId);
    return row === undefined ? null : detailOf(row, now);
  },
});
