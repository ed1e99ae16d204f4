import { expect, test } from '@jest/globals';
import { pageLines, retriedLines } from './parked.ts';

test('counts what was handed back, and tells of the rest', () => {
  expect(retriedLines([{ is: 'done' }, { is: 'done' }])).toEqual(['2 handed back.']);
  expect(
    retriedLines([
      { is: 'done' },
      { is: 'gone' },
      { is: 'refused', detail: 'No.' },
      { is: 'refused', detail: 'No.' },
    ]),
  ).toEqual([
    '1 handed back.',
    '1 not handed back: parked no longer, or failed anew meanwhile.',
    '2 refused: No.',
  ]);
});

test('a page that leaves something out says so', () => {
  const many = Array.from({ length: 101 }, (_, index) => index);
  expect(pageLines(many, 'Nothing.', String)).toHaveLength(101);
  expect(pageLines(many, 'Nothing.', String).at(-1)).toContain('and more');
  expect(pageLines(many.slice(1), 'Nothing.', String).at(-1)).toBe('100');
  expect(pageLines([], 'Nothing.', String)).toEqual(['Nothing.']);
});
