import type { ProjectionSpec } from '@daybook/kernel/specification.ts';

const plan = {
  planId: 'plan-1',
  title: 'Launch plan',
  tasks: [{ taskId: 'task-1', title: 'Track a product' }],
};

export const plansSpecs: readonly ProjectionSpec[] = [
  {
    name: 'a plan is a row with its tasks',
    given: [{ type: 'PlanCreated', at: '2026-01-01T00:00:00.000Z', data: plan }],
    then: [{ ...plan, createdAt: '2026-01-01T00:00:00.000Z' }],
  },
];
