import { defineProjection } from '@daybook/kernel/projection.ts';
import type { MarketEvent } from '@daybook/schemas/market/events.generated.ts';

type CheckEvent = Extract<MarketEvent, { type: 'PriceObserved' | 'CheckFailed' }>;

export type DailyChecksRow = Readonly<{
  /** `2026-01-31`, UTC. */
  day: string;
  prices: number;
  failures: number;
}>;

/** A row a day: how many checks found a price and how many did not. */
export const dailyChecks = defineProjection<CheckEvent, DailyChecksRow, 'day'>({
  name: 'dailyChecks',
  version: 1,
  table: {
    columns: { day: { type: 'text' }, prices: { type: 'integer' }, failures: { type: 'integer' } },
    key: ['day'],
  },
  handles: ['PriceObserved', 'CheckFailed'],
  keys: (event) => [{ day: event.data.observedAt.slice(0, 10) }],
  // An observation is recorded when it was made, or later.
  origin: ({ day }) => ({ since: `${day}T00:00:00.000Z` }),
  evolve: (row, event, { day }) => {
    const { prices, failures } = row ?? { prices: 0, failures: 0 };
    return event.type === 'PriceObserved'
      ? { day, prices: prices + 1, failures }
      : { day, prices, failures: failures + 1 };
  },
});
