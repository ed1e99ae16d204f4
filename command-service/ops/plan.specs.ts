import type { Rejection } from '@daybook/kernel/decider.ts';
import type { DeciderSpec } from '@daybook/kernel/specification.ts';
import type { PlanCommand, PlanEvent } from './plan.ts';

const data = { planId: 'plan-1', title: 'Launch', tasks: [{ taskId: 'task-1', title: 'Track a product' }] };
const created: PlanEvent = { type: 'PlanCreated', data };

export const planSpecs: readonly DeciderSpec<PlanCommand, PlanEvent, Rejection>[] = [
  { name: 'a plan is made', given: [], when: { type: 'CreatePlan', data }, then: [created] },
  { name: 'a plan is made once', given: [created], when: { type: 'CreatePlan', data }, then: 'nothing' },
];
