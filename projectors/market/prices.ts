import { defineProjection } from '@daybook/kernel/projection.ts';
import type { MarketEvent } from '@daybook/schemas/market/events.generated.ts';
import type { Availability, ExtractionMethod } from '@daybook/schemas/types/types.generated.ts';

type PriceEvent = Extract<MarketEvent, { type: 'PriceObserved' }>;

export type PriceRow = Readonly<{
  productId: string;
  observationId: string;
  observedAt: string;
  amountMinor: number;
  currency: string;
  availability: Availability;
  seller: string | null;
  method: ExtractionMethod;
  extractorVersion: number;
  snapshotHash: string;
}>;

/** A row an observation: the price history of every product. */
export const prices = defineProjection<PriceEvent, PriceRow, 'productId' | 'observationId'>({
  name: 'prices',
  version: 1,
  table: {
    columns: {
      productId: { type: 'text' },
      observationId: { type: 'text' },
      observedAt: { type: 'instant' },
      amountMinor: { type: 'bigint' },
      currency: { type: 'text' },
      availability: { type: 'text' },
      seller: { type: 'text', nullable: true },
      method: { type: 'text' },
      extractorVersion: { type: 'integer' },
      snapshotHash: { type: 'text' },
    },
    key: ['productId', 'observationId'],
    indexes: [['productId', 'observedAt', 'observationId']],
  },
  handles: ['PriceObserved'],
  keys: ({ data: { productId, observationId } }) => [{ productId, observationId }],
  origin: ({ productId }) => ({ streams: [`product-${productId}`] }),
  evolve: (_row, { data }) => ({
    productId: data.productId,
    observationId: data.observationId,
    observedAt: data.observedAt,
    amountMinor: data.price.amountMinor,
    currency: data.price.currency,
    availability: data.availability,
    seller: data.seller,
    method: data.method,
    extractorVersion: data.extractorVersion,
    snapshotHash: data.snapshotHash,
  }),
});
