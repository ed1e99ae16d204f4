import { accept, type Decider } from '@daybook/kernel/decider.ts';
import type { OpsEvent, PlanCreated } from '@daybook/schemas/ops/events.generated.ts';

export type PlanEvent = Extract<OpsEvent, { type: 'PlanCreated' }>;
export type PlanCommand = Readonly<{ type: 'CreatePlan'; data: PlanCreated }>;
export type PlanState = Readonly<{ created: boolean }>;

/** A plan: a title and tasks in their order. */
export const plan: Decider<PlanCommand, PlanEvent, PlanState> = {
  category: 'plan',
  initialState: () => ({ created: false }),
  evolve: () => ({ created: true }),
  decide: ({ data }, state) => (state.created ? accept() : accept({ type: 'PlanCreated', data })),
};
