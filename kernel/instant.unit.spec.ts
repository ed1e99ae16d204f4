import { expect, test } from '@jest/globals';
import { later, msBetween } from './instant.ts';

test('instants move by milliseconds, and their distance is told in them', () => {
  const start = '2026-12-31T23:59:59.500Z';
  expect(later(start, 500)).toBe('2027-01-01T00:00:00.000Z');
  expect(later(start, -500)).toBe('2026-12-31T23:59:59.000Z');
  expect(msBetween(start, later(start, 1234))).toBe(1234);
});
