/** Every projection's specs, through the projector on PostgreSQL. */
import { timeline } from '@daybook/projectors/audit/timeline.ts';
import { timelineSpecs } from '@daybook/projectors/audit/timeline.specs.ts';
import { dailyChecks } from '@daybook/projectors/market/daily-checks.ts';
import { dailyChecksSpecs } from '@daybook/projectors/market/daily-checks.specs.ts';
import { marketSources } from '@daybook/projectors/market/market-sources.ts';
import { marketSourcesSpecs } from '@daybook/projectors/market/market-sources.specs.ts';
import { prices } from '@daybook/projectors/market/prices.ts';
import { pricesSpecs } from '@daybook/projectors/market/prices.specs.ts';
import { products } from '@daybook/projectors/market/products.ts';
import { productsSpecs } from '@daybook/projectors/market/products.specs.ts';
import { plans } from '@daybook/projectors/ops/plans.ts';
import { plansSpecs } from '@daybook/projectors/ops/plans.specs.ts';
import { projectionThroughProjector } from '../support/run-specs.ts';

projectionThroughProjector(timeline, timelineSpecs);
projectionThroughProjector(dailyChecks, dailyChecksSpecs);
projectionThroughProjector(marketSources, marketSourcesSpecs);
projectionThroughProjector(prices, pricesSpecs);
projectionThroughProjector(products, productsSpecs);
projectionThroughProjector(plans, plansSpecs);
