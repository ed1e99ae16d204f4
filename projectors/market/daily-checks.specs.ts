import type { ProjectionSpec } from '@daybook/kernel/specification.ts';

const check = (type: 'PriceObserved' | 'CheckFailed', observedAt: string) => ({ type, data: { observedAt } });

export const dailyChecksSpecs: readonly ProjectionSpec[] = [
  {
    name: 'checks are counted by the day on which the page was read',
    given: [
      check('PriceObserved', '2026-01-01T06:00:00.000Z'),
      check('CheckFailed', '2026-01-01T23:59:59.999Z'),
      check('PriceObserved', '2026-01-01T07:00:00.000Z'),
      check('CheckFailed', '2026-01-02T00:00:00.000Z'),
    ],
    then: [
      { day: '2026-01-01', prices: 2, failures: 1 },
      { day: '2026-01-02', prices: 0, failures: 1 },
    ],
  },
];
