import { expect, test } from '@jest/globals';
import { later } from './instant.ts';

test('instants move by milliseconds', () => {
  const start = '2026-12-31T23:59:59.500Z';
  expect(later(start, 500)).toBe('2027-01-01T00:00:00.000Z');
  expect(later(start, -500)).toBe('2026-12-31T23:59:59.000Z');
});
