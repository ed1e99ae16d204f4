import type { ProjectionSpec } from '@daybook/kernel/specification.ts';

const at = '2026-01-01T00:00:00.000Z';

export const marketSourcesSpecs: readonly ProjectionSpec[] = [
  {
    name: 'each source is as it was switched last',
    given: [
      { type: 'SourceEnabled', at, data: { source: 'amazon' } },
      { type: 'SourceEnabled', at, data: { source: 'ebay' } },
      { type: 'SourceDisabled', at, data: { source: 'amazon' } },
    ],
    then: [
      { source: 'amazon', enabled: false, changedAt: at },
      { source: 'ebay', enabled: true, changedAt: at },
    ],
  },
];
