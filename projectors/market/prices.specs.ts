import type { ProjectionSpec } from '@daybook/kernel/specification.ts';

const observed = (observationId: string, observedAt: string, amountMinor: number) => ({
  type: 'PriceObserved',
  data: {
    productId: 'product-1',
    observationId,
    requestId: 'request-1',
    price: { amountMinor, currency: 'EUR' },
    availability: 'inStock',
    seller: null,
    title: 'Kettle',
    method: 'jsonLd',
    extractorVersion: 1,
    snapshotHash: 'ab',
    observedAt,
  },
});

const row = (observationId: string, observedAt: string, amountMinor: number) => ({
  productId: 'product-1',
  observationId,
  observedAt,
  amountMinor,
  currency: 'EUR',
  availability: 'inStock',
  seller: null,
  method: 'jsonLd',
  extractorVersion: 1,
  snapshotHash: 'ab',
});

export const pricesSpecs: readonly ProjectionSpec[] = [
  {
    name: 'every observation is a row',
    given: [
      observed('observation-1', '2026-01-01T06:00:00.000Z', 4_000),
      observed('observation-2', '2026-01-02T06:00:00.000Z', 5_000),
    ],
    then: [
      row('observation-1', '2026-01-01T06:00:00.000Z', 4_000),
      row('observation-2', '2026-01-02T06:00:00.000Z', 5_000),
    ],
  },
];
