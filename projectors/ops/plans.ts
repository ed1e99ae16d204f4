import { defineProjection } from '@daybook/kernel/projection.ts';
import type { OpsEvent, PlanCreated } from '@daybook/schemas/ops/events.generated.ts';

type PlanEvent = Extract<OpsEvent, { type: 'PlanCreated' }>;

export type PlanRow = Readonly<{
  planId: string;
  title: string;
  tasks: PlanCreated['tasks'];
  createdAt: string;
}>;

/** A row a plan, with its tasks. */
export const plans = defineProjection<PlanEvent, PlanRow, 'planId'>({
  name: 'plans',
  version: 1,
  table: {
    columns: {
      planId: { type: 'text' },
      title: { type: 'text' },
      tasks: { type: 'json' },
      createdAt: { type: 'instant' },
    },
    key: ['planId'],
    indexes: [['createdAt', 'planId']],
  },
  handles: ['PlanCreated'],
  keys: (event) => [{ planId: event.data.planId }],
  origin: ({ planId }) => ({ streams: [`plan-${planId}`] }),
  evolve: (_row, { data: { planId, title, tasks }, recordedAt }) => ({
    planId,
    title,
    tasks,
    createdAt: recordedAt,
  }),
});
