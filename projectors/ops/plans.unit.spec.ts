import { projectionSpecs } from '@daybook/test/support/specifications.ts';
import { plans } from './plans.ts';
import { plansSpecs } from './plans.specs.ts';

projectionSpecs(plans, plansSpecs);
