import { z } from 'zod';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { later } from '@daybook/kernel/instant.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';
import { members } from '../shared/access.ts';
import { productSummary, source, summaryOf, type ProductRow } from './product-view.ts';

const dayMs = 24 * 60 * 60 * 1000;
const movesShown = 5;
const daysShown = 14;

const count = z.int().min(0);
const failingSource = z.strictObject({
  source,
  host: z.string(),
  products: count.meta({ description: 'Active products of the host that were checked.' }),
  failing: count.meta({ description: 'Those of them whose last check found no price.' }),
  outcomes: z.array(z.string()),
});
const day = z.strictObject({ day: z.string(), prices: count, failures: count });

export const marketOverview: Query<TenantDb> = defineQuery({
  name: 'marketOverview',
  summary: 'The dashboard: counts, biggest moves of the last seven days, failing sources, checks per day.',
  access: members,
  path: '/v1/market/overview',
  input: z.strictObject({}),
  output: z.strictObject({
    products: z.strictObject({
      active: count,
      paused: count,
      stopped: count,
      withPrice: count,
      failing: count,
    }),
    biggestMoves: z.array(productSummary),
    failingSources: z.array(failingSource),
    checksPerDay: z.array(day).meta({ description: 'The last fourteen days (UTC), oldest first.' }),
  }),
  reads: ['products', 'dailyChecks'],
  run: async (db: TenantDb, _input, { now, tenantId }) => {
    const [products, moves, failingSources, days] = await Promise.all([
      countProducts(db, tenantId),
      biggestMoves(db, later(now, -7 * dayMs)),
      sourcesThatFail(db, tenantId),
      db
        .from<z.output<typeof day>>('dailyChecks')
        .where('day', '>', later(now, -daysShown * dayMs).slice(0, 10)),
    ]);
    return {
      products,
      biggestMoves: moves.map(summaryOf),
      failingSources,
      checksPerDay: everyDay(days, now),
    };
  },
});

type Counts = Readonly<Record<'active' | 'paused' | 'stopped' | 'withPrice' | 'failing', number>>;

async function countProducts(db: TenantDb, tenantId: string): Promise<Counts> {
  const [counts] = await db.sql<Counts>(
    `
    select count(*) filter (where status = 'active') as active,
           count(*) filter (where status = 'paused') as paused,
           count(*) filter (where status = 'stopped') as stopped,
           count(*) filter (where status <> 'stopped' and amount_minor is not null) as with_price,
           count(*) filter (where status <> 'stopped' and last_outcome <> 'price') as failing
    from read.products where tenant_id = $1`,
    [tenantId],
  );
  return counts ?? { active: 0, paused: 0, stopped: 0, withPrice: 0, failing: 0 };
}

function biggestMoves(db: TenantDb, since: string): Promise<ProductRow[]> {
  return db
    .from<ProductRow>('products')
    .whereNot('status', 'stopped')
    .whereNot('changePercent', 0)
    .where('changedAt', '>=', since)
    .orderByRaw('abs(??) desc, ?? desc', ['changePercent', 'changedAt'])
    .limit(movesShown);
}

function sourcesThatFail(db: TenantDb, tenantId: string): Promise<z.output<typeof failingSource>[]> {
  return db.sql(
    `
    select source, host, count(*) as products,
           count(*) filter (where last_outcome <> 'price') as failing,
           array_agg(distinct last_outcome order by last_outcome) filter (where last_outcome <> 'price') as outcomes
    from read.products
    where tenant_id = $1 and status = 'active' and last_outcome is not null
    group by source, host
    having count(*) filter (where last_outcome <> 'price') > 0
    order by failing desc, host
    limit 20`,
    [tenantId],
  );
}

/** Days without a check are shown too. */
function everyDay(days: readonly z.output<typeof day>[], now: string): z.output<typeof day>[] {
  const known = new Map(days.map((row) => [row.day, row]));
  return Array.from({ length: daysShown }, (_, index) => {
    const name = later(now, (index + 1 - daysShown) * dayMs).slice(0, 10);
    const { prices, failures } = known.get(name) ?? { prices: 0, failures: 0 };
    return { day: name, prices, failures };
  });
}
