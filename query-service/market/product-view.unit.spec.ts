import { expect, test } from '@jest/globals';
import { moneyOf, trendOf } from './product-view.ts';

test.each([
  [[], null],
  [[100], null],
  [[100, 100], { direction: 'steady', percent: 0 }],
  [[100, 200, 75], { direction: 'down', percent: -50 }],
  [[100, 100, 110], { direction: 'up', percent: 10 }],
  [[0, 50], { direction: 'steady', percent: 0 }],
])('the trend of %j is %j', (recent, expected) => {
  expect(trendOf(recent)).toEqual(expected);
});

test('money is an amount with its currency, or nothing', () => {
  expect(moneyOf(0, 'EUR')).toEqual({ amountMinor: 0, currency: 'EUR' });
  expect(moneyOf(null, 'EUR')).toBeNull();
  expect(moneyOf(1, null)).toBeNull();
});
