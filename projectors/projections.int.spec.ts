import { describe, expect, test } from '@jest/globals';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { canonical, recorded, type ProjectionSpec } from '@daybook/kernel/specification.ts';
import { openReadModels } from '@daybook/test/support/read-models.ts';
import { timeline } from './audit/timeline.ts';
import { timelineSpecs } from './audit/timeline.specs.ts';
import { dailyChecks } from './market/daily-checks.ts';
import { dailyChecksSpecs } from './market/daily-checks.specs.ts';
import { marketSources } from './market/market-sources.ts';
import { marketSourcesSpecs } from './market/market-sources.specs.ts';
import { prices } from './market/prices.ts';
import { pricesSpecs } from './market/prices.specs.ts';
import { products } from './market/products.ts';
import { productsSpecs } from './market/products.specs.ts';
import { plans } from './ops/plans.ts';
import { plansSpecs } from './ops/plans.specs.ts';

const all: readonly (readonly [AnyProjection, readonly ProjectionSpec[]])[] = [
  [products, productsSpecs],
  [prices, pricesSpecs],
  [dailyChecks, dailyChecksSpecs],
  [marketSources, marketSourcesSpecs],
  [plans, plansSpecs],
  [timeline, timelineSpecs],
];

/** The same specs as the pure ones, each in a tenant of its own, all through one PostgreSQL. */
describe.each(all.map(([projection, specs]) => ({ name: projection.name, projection, specs })))(
  '$name in PostgreSQL',
  ({ projection, specs }) => {
    test.each([1, 2, 1_000])('every spec holds in batches of %i, delivered twice', async (batchSize) => {
      const readModels = await openReadModels([projection]);
      try {
        const tenants = specs.map((_, index) => `tenant-${String(index)}`);
        const given = specs.flatMap((spec, index) =>
          spec.given.map((event) => ({
            ...event,
            metadata: { ...event.metadata, tenantId: tenants[index] ?? '' },
          })),
        );
        const events = recorded(given).map((event, index) => ({ ...event, id: `event-${String(index)}` }));
        await readModels.project(events, batchSize);
        await readModels.project(events, batchSize);
        for (const [index, spec] of specs.entries()) {
          const rows = await readModels.queries.forTenant(tenants[index] ?? '').from<Row>(projection.name);
          expect([spec.name, sorted(withoutPlace(rows))]).toEqual([
            spec.name,
            sorted(withoutPlace(spec.then)),
          ]);
        }
      } finally {
        await readModels.close();
      }
    });
  },
);

function sorted(rows: readonly object[]): readonly string[] {
  return rows.map(canonical).sort();
}

/** Where events stand in the one log of all specs differs from where they stand in their own. */
function withoutPlace(rows: readonly Row[]): readonly object[] {
  return rows.map(({ position: _, revision: __, eventId: ___, ...row }) => row);
}
