import { processSpecs } from '@daybook/test/support/specifications.ts';
import { parkedActs } from './parked-acts.ts';
import { parkedActsSpecs } from './parked-acts.specs.ts';

processSpecs(parkedActs, parkedActsSpecs);
