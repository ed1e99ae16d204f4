import type { Money } from '@daybook/schemas/types/types.generated.ts';

/** What the prices of a product come to, in the currency of the last one. */
export type PriceFigures = Readonly<{
  amountMinor: number | null;
  currency: string | null;
  priceCount: number;
  lowMinor: number | null;
  highMinor: number | null;
  averageMinor: number | null;
  /** The last prices, oldest first: where the trend comes from. */
  recentMinor: readonly number[];
  /** From the price before to the last one that differed from it, rounded to a hundredth; 0 until one does. */
  changePercent: number;
  changedAt: string | null;
}>;

/** Prices a trend looks at. */
const recentCount = 10;

export const pricesBegin: PriceFigures = {
  amountMinor: null,
  currency: null,
  priceCount: 0,
  lowMinor: null,
  highMinor: null,
  averageMinor: null,
  recentMinor: [],
  changePercent: 0,
  changedAt: null,
};

/** The figures with one more price. Another currency cannot be compared: they begin anew. */
export function pricesGoOn(before: PriceFigures, price: Money, observedAt: string): PriceFigures {
  const same = before.currency === price.currency ? before : pricesBegin;
  const { amountMinor, currency } = price;
  const priceCount = same.priceCount + 1;
  const averageBefore = same.averageMinor ?? 0;
  const hasChanged = same.amountMinor !== null && same.amountMinor !== amountMinor;
  return {
    amountMinor,
    currency,
    priceCount,
    lowMinor: Math.min(same.lowMinor ?? amountMinor, amountMinor),
    highMinor: Math.max(same.highMinor ?? amountMinor, amountMinor),
    averageMinor: averageBefore + (amountMinor - averageBefore) / priceCount,
    recentMinor: [...same.recentMinor, amountMinor].slice(-recentCount),
    changePercent: hasChanged ? percent(same.amountMinor, amountMinor) : same.changePercent,
    changedAt: hasChanged ? observedAt : same.changedAt,
  };
}

/** From one amount to another in percent, rounded to a hundredth; 0 where there is nothing to compare with. */
function percent(from: number, to: number): number {
  return from === 0 ? 0 : Math.round(((to - from) / from) * 10_000) / 100;
}
