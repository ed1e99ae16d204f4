import type { Availability } from '../types/types.generated.ts';
import type { CheckFailedV1, CheckFailedV2, PriceObservedV1, PriceObservedV2 } from './events.generated.ts';

/** From each version to the next. */
export const marketUpcasters = {
  CheckFailed: {
    1: (data: CheckFailedV1): CheckFailedV2 => ({ ...data, extractorVersion: 0 }),
  },
  PriceObserved: {
    1: ({ inStock, ...kept }: PriceObservedV1): PriceObservedV2 => ({
      ...kept,
      availability: availabilityOf(inStock),
      seller: null,
      title: null,
      extractorVersion: 0,
    }),
  },
};

function availabilityOf(inStock: boolean | null): Availability {
  if (inStock === null) return 'unknown';
  return inStock ? 'inStock' : 'outOfStock';
}
