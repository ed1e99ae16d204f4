import { projectionSpecs } from '@daybook/test/support/specifications.ts';
import { parkedDecisions } from './parked-decisions.ts';
import { parkedDecisionsSpecs } from './parked-decisions.specs.ts';

projectionSpecs(parkedDecisions, parkedDecisionsSpecs);
