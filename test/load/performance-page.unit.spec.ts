import { describe, expect, test } from '@jest/globals';
import type { ContestResult, Verdict } from './measure.ts';
import { performancePage, replaced, type BarRecord } from './performance-page.ts';

const result = (ratio: number, verdict: Verdict): ContestResult => ({
  subject: { name: 'ours', unit: 'events/s', median: 12_345.6, all: [12_345.6] },
  anchor: { name: 'theirs', unit: 'events/s', median: 1_000, all: [1_000] },
  ratio,
  gate: 0.5,
  goal: 0.8,
  better: 'higher',
  verdict,
  pairs: 5,
});

const record = (bar: string, ...results: ContestResult[]): BarRecord => ({
  bar,
  title: `Title of ${bar}`,
  results,
  machine: 'a machine',
  server: 'fsync=on',
  load: [0.1, 1.25],
  seed: 42,
  date: '2026-01-01',
});

test('records of a bar are replaced, others kept, in numeric order', () => {
  const first = replaced([], record('p14', result(0.5, 'gate')));
  const second = replaced(first, record('p2', result(4, 'goal')));
  const third = replaced(second, record('p14', result(0.9, 'goal')));
  expect(third.map(({ bar, results }) => [bar, results[0]?.ratio])).toEqual([
    ['p2', 4],
    ['p14', 0.9],
  ]);
});

describe('the page', () => {
  const page = performancePage(
    [record('p2', result(4, 'goal')), record('p14', result(0.6, 'gate'), result(0.9, 'goal'))],
    { p2: 'All is well.', p14: 'It waits for the disk.' },
  );

  test('has a row for each contest, with the verdict', () => {
    expect(page).toContain('| P2 | ours | theirs | 4.00 | ≥ 0.5 | ≥ 0.8 | goal |');
    expect(page).toContain('| P14 | ours | theirs | 0.600 | ≥ 0.5 | ≥ 0.8 | gate |');
    expect(page).toContain('| P14 | ours | 12346 events/s | theirs | 1000 events/s | 5 |');
    expect(page).toContain('| P14 | Title of p14 | a machine | fsync=on | 0.1, 1.3 | 42 | 2026-01-01 |');
  });

  test('has what is only reported without limits, and asks no questions of it', () => {
    const reported = { ...result(0.1, 'reported'), gate: null, goal: null };
    const own = performancePage([record('p13', reported)], {});
    expect(own).toContain('| P13 | ours | theirs | 0.100 |  |  | reported |');
    expect(own).not.toContain('### P13');
  });

  test('says where the time goes of bars below their goal, and of no others', () => {
    expect(page).toContain('### P14\n\nIt waits for the disk.');
    expect(page).not.toContain('All is well.');
  });
});
