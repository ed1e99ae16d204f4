import { describe, expect, test } from '@jest/globals';
import { alternate, judge, median, percentile, rounded } from './measure.ts';

const runner = (name: string) => ({ name, unit: 'ops/s', run: () => Promise.resolve({ figure: 1 }) });

describe('percentile', () => {
  test('interpolates between the closest ranks', () => {
    expect(percentile([4, 1, 3, 2], 50)).toBe(2.5);
    expect(percentile([10], 99)).toBe(10);
    expect(percentile([], 99)).toBeNaN();
    expect(median([9, 1, 5])).toBe(5);
  });

  test('figures are rounded for people', () => {
    expect([rounded(12_345.6), rounded(0.123_45)]).toEqual(['12346', '0.123']);
  });
});

describe('a contest', () => {
  const contest = { subject: runner('subject'), anchor: runner('anchor'), gate: 0.5, goal: 0.8 };
  const figures = (...all: number[]) => all.map((figure) => ({ figure }));

  test('compares medians', () => {
    const result = judge(contest, figures(60, 10, 90), figures(100, 100, 1000));
    expect(result.ratio).toBe(0.6);
    expect(result.verdict).toBe('gate');
    expect(judge(contest, figures(80), figures(100)).verdict).toBe('goal');
    expect(judge(contest, figures(40), figures(100)).verdict).toBe('missed');
  });

  test('counts latency where the bar limits it', () => {
    const limited = { ...contest, p99Ms: { gate: 20, goal: 12 } };
    const sample = (latency: number) => [{ figure: 90, latenciesMs: [latency, latency] }];
    expect(judge(limited, sample(10), figures(100)).verdict).toBe('goal');
    expect(judge(limited, sample(15), figures(100)).verdict).toBe('gate');
    expect(judge(limited, sample(21), figures(100)).verdict).toBe('missed');
  });

  test('without an anchor the figure itself is held against the limits', () => {
    const absolute = { subject: runner('lag'), gate: 25, goal: 10, better: 'lower' as const };
    expect(judge(absolute, figures(12), [])).toMatchObject({ ratio: 12, verdict: 'gate', anchor: null });
  });

  test('without limits the figure is reported, whatever it is', () => {
    const { gate, goal, ...reported } = contest;
    expect([gate, goal]).toEqual([0.5, 0.8]);
    expect(judge(reported, figures(1), figures(100))).toMatchObject({
      ratio: 0.01,
      gate: null,
      goal: null,
      verdict: 'reported',
    });
  });

  test('takes subject and anchor in turn, after a warm-up pair', async () => {
    const order: string[] = [];
    const noted = (name: string) => ({
      ...runner(name),
      run: () => {
        order.push(name);
        return Promise.resolve({ figure: 1 });
      },
    });
    const result = await alternate({ ...contest, subject: noted('A'), anchor: noted('B') }, 2);
    expect(order.join('')).toBe('ABABAB');
    expect(result.pairs).toBe(2);
  });
});
