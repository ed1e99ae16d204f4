import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { defineProjection } from '@daybook/kernel/projection.ts';
import type {
  CheckFailed,
  MarketEvent,
  PriceObserved,
  ProductTracked,
} from '@daybook/schemas/market/events.generated.ts';
import type { Availability, CheckOutcome, Source } from '@daybook/schemas/types/types.generated.ts';
import { pricesBegin, pricesGoOn, type PriceFigures } from './price-figures.ts';

type ProductEvent = Exclude<MarketEvent, { type: 'SourceEnabled' | 'SourceDisabled' | 'CheckRequested' }>;

export type ProductRow = PriceFigures &
  Readonly<{
    productId: string;
    url: string;
    host: string;
    source: Source;
    status: 'active' | 'paused' | 'stopped';
    /** Name the tenant gave. */
    name: string | null;
    /** Title on the page when it was last read. */
    title: string | null;
    /** What lists show and sort by: name, else title, else URL. */
    label: string;
    tags: readonly string[];
    group: string | null;
    cron: string;
    timeZone: string;
    trackedAt: string;
    availability: Availability | null;
    seller: string | null;
    lastCheckedAt: string | null;
    lastOutcome: CheckOutcome | null;
    /** In words, where the last check found no price. */
    lastProblem: string | null;
    checkCount: number;
    failureCount: number;
  }>;

/** A row a product: everything there is to say of it today. */
export const products = defineProjection<ProductEvent, ProductRow, 'productId'>({
  name: 'products',
  version: 1,
  table: {
    columns: {
      productId: { type: 'text' },
      url: { type: 'text' },
      host: { type: 'text' },
      source: { type: 'text' },
      status: { type: 'text' },
      name: { type: 'text', nullable: true },
      title: { type: 'text', nullable: true },
      label: { type: 'text' },
      tags: { type: 'textArray' },
      group: { type: 'text', nullable: true },
      cron: { type: 'text' },
      timeZone: { type: 'text' },
      trackedAt: { type: 'instant' },
      availability: { type: 'text', nullable: true },
      seller: { type: 'text', nullable: true },
      lastCheckedAt: { type: 'instant', nullable: true },
      lastOutcome: { type: 'text', nullable: true },
      lastProblem: { type: 'text', nullable: true },
      checkCount: { type: 'integer' },
      failureCount: { type: 'integer' },
      amountMinor: { type: 'bigint', nullable: true },
      currency: { type: 'text', nullable: true },
      priceCount: { type: 'integer' },
      lowMinor: { type: 'bigint', nullable: true },
      highMinor: { type: 'bigint', nullable: true },
      averageMinor: { type: 'double', nullable: true },
      recentMinor: { type: 'json' },
      changePercent: { type: 'double' },
      changedAt: { type: 'instant', nullable: true },
    },
    key: ['productId'],
    indexes: [['status', 'trackedAt'], ['label'], ['changePercent'], ['group']],
  },
  handles: [
    'ProductTracked',
    'ProductRenamed',
    'ProductTagged',
    'ProductGrouped',
    'CheckScheduleChanged',
    'ProductPaused',
    'ProductResumed',
    'ProductStopped',
    'PriceObserved',
    'CheckFailed',
  ],
  keys: (event) => [{ productId: event.data.productId }],
  origin: ({ productId }) => ({ streams: [`product-${productId}`] }),

  evolve: (row, event) => {
    if (event.type === 'ProductTracked') return tracked(row, event.data, event);
    if (row === null) return null;
    switch (event.type) {
      case 'ProductRenamed':
        return labelled({ ...row, name: event.data.name });
      case 'ProductTagged':
        return { ...row, tags: event.data.tags };
      case 'ProductGrouped':
        return { ...row, group: event.data.group };
      case 'CheckScheduleChanged':
        return { ...row, ...event.data.schedule };
      case 'ProductPaused':
        return { ...row, status: 'paused' };
      case 'ProductResumed':
        return { ...row, status: 'active' };
      case 'ProductStopped':
        return { ...row, status: 'stopped' };
      case 'PriceObserved':
        return observed(row, event.data);
      case 'CheckFailed':
        return failed(row, event.data);
    }
  },
});

function tracked(row: ProductRow | null, data: ProductTracked, { recordedAt }: RecordedEvent): ProductRow {
  const { productId, url, host, source, name, tags, group, schedule } = data;
  const settings = {
    productId,
    url,
    host,
    source,
    name,
    tags,
    group,
    ...schedule,
    status: 'active',
  } as const;
  // A product that is tracked again goes on with the history it has.
  if (row !== null) return labelled({ ...row, ...settings, trackedAt: recordedAt });
  return labelled({
    ...settings,
    ...pricesBegin,
    title: null,
    label: '',
    trackedAt: recordedAt,
    availability: null,
    seller: null,
    lastCheckedAt: null,
    lastOutcome: null,
    lastProblem: null,
    checkCount: 0,
    failureCount: 0,
  });
}

function observed(row: ProductRow, data: PriceObserved): ProductRow {
  const checkCount = row.checkCount + 1;
  if (isOld(row, data.observedAt)) return { ...row, checkCount };
  const { availability, seller, observedAt } = data;
  return labelled({
    ...row,
    ...pricesGoOn(row, data.price, observedAt),
    checkCount,
    title: data.title ?? row.title,
    availability,
    seller,
    lastCheckedAt: observedAt,
    lastOutcome: 'price',
    lastProblem: null,
  });
}

function failed(row: ProductRow, { outcome, detail, observedAt }: CheckFailed): ProductRow {
  const counted = { ...row, checkCount: row.checkCount + 1, failureCount: row.failureCount + 1 };
  return isOld(row, observedAt)
    ? counted
    : { ...counted, lastCheckedAt: observedAt, lastOutcome: outcome, lastProblem: detail };
}

/** Observations may arrive late: what is newer than they are stays. */
function isOld({ lastCheckedAt }: ProductRow, observedAt: string): boolean {
  return lastCheckedAt !== null && observedAt < lastCheckedAt;
}

function labelled(row: ProductRow): ProductRow {
  return { ...row, label: row.name ?? row.title ?? row.url };
}
