import { expect, test } from '@jest/globals';
import { compared } from './compare.ts';
import type { ProductRow } from './product-view.ts';

const offer = (productId: string, amountMinor: number | null, currency: string | null = 'EUR'): ProductRow =>
  ({ productId, amountMinor, currency, tags: [], recentMinor: [] }) as unknown as ProductRow;

const shown = (rows: readonly ProductRow[]) =>
  compared(rows).map((item) => [item.productId, item.aboveCheapestPercent]);

test('offers stand by currency and price, those without a price last', () => {
  const rows = [
    offer('waiting', null, null),
    offer('dollars', 900, 'USD'),
    offer('dear', 1_500),
    offer('cheap', 1_000),
    offer('new', null, null),
    offer('same', 1_000),
  ];
  expect(shown(rows)).toEqual([
    ['cheap', 0],
    ['same', 0],
    ['dear', 50],
    ['dollars', 0],
    ['new', null],
    ['waiting', null],
  ]);
  expect(shown(rows.toReversed())).toEqual(shown(rows));
});

test('nothing is above what costs nothing', () => {
  expect(shown([offer('free', 0), offer('paid', 100)])).toEqual([
    ['free', 0],
    ['paid', 0],
  ]);
});
