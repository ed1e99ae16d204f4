import { deciderSpecs } from '@daybook/test/support/specifications.ts';
import { parked } from './parked.ts';
import { parkedSpecs } from './parked.specs.ts';

deciderSpecs(parked, parkedSpecs);
