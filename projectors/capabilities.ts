import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { timeline } from './audit/timeline.ts';
import { dailyChecks } from './market/daily-checks.ts';
import { marketSources } from './market/market-sources.ts';
import { prices } from './market/prices.ts';
import { products } from './market/products.ts';
import { parkedDecisions } from './operations/parked-decisions.ts';
import { plans } from './ops/plans.ts';

/** Every projection this service keeps. */
export const allProjections: readonly AnyProjection[] = [
  products,
  prices,
  dailyChecks,
  marketSources,
  plans,
  parkedDecisions,
  timeline,
];
