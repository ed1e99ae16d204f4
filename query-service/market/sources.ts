import { z } from 'zod';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';
import { sourcesOffAtFirst } from '@daybook/schemas/market/source-defaults.ts';
import { members } from '../shared/access.ts';
import { source } from './product-view.ts';

const item = z.strictObject({ source, enabled: z.boolean() });

export const listSources: Query<TenantDb> = defineQuery({
  name: 'listSources',
  summary: 'The kinds of shop, and which of them the tenant lets be read.',
  access: members,
  path: '/v1/market/sources',
  input: z.strictObject({}),
  output: z.strictObject({ items: z.array(item) }),
  reads: ['marketSources'],
  run: async (db: TenantDb) => {
    const rows = await db.from<z.output<typeof item>>('marketSources').select('source', 'enabled');
    const switched = new Map(rows.map((row) => [row.source, row.enabled]));
    return {
      items: source.options.map((kind) => ({
        source: kind,
        enabled: switched.get(kind) ?? !sourcesOffAtFirst.has(kind),
      })),
    };
  },
});
