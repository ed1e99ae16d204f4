import { expect, test } from '@jest/globals';
import { updatedPage } from './performance-page.ts';

const row = (bar: string, ratio: string) => [bar, 's', 'a', ratio, '1', '2', 'gate', '5', 'm', '2026-01-01'];

test('rows of a bar are replaced, others kept, in numeric order', () => {
  const first = updatedPage('', 'p14', [row('P14', '0.5')]);
  const second = updatedPage(first, 'p2', [row('P2', '4'), row('P2', '5')]);
  const third = updatedPage(second, 'p14', [row('P14', '0.7')]);
  const rows = third.split('\n').filter((line) => line.startsWith('| P'));
  expect(
    rows.map((line) =>
      line
        .split('|')
        .slice(1, 5)
        .map((cell) => cell.trim()),
    ),
  ).toEqual([
    ['P2', 's', 'a', '4'],
    ['P2', 's', 'a', '5'],
    ['P14', 's', 'a', '0.7'],
  ]);
});
