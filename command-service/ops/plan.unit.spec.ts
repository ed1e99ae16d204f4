import { deciderSpecs } from '@daybook/test/support/specifications.ts';
import { plan } from './plan.ts';
import { planSpecs } from './plan.specs.ts';

deciderSpecs(plan, planSpecs);
