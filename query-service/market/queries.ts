import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import type { Query } from '@daybook/kernel/query.ts';
import { compareGroup } from './compare.ts';
import { marketOverview } from './overview.ts';
import { listPrices } from './product-prices.ts';
import { getProduct, listProducts } from './products.ts';
import { listSources } from './sources.ts';

/** The queries of market. */
export const marketQueries: readonly Query<TenantDb>[] = [
  listProducts,
  getProduct,
  listPrices,
  marketOverview,
  compareGroup,
  listSources,
];
