import { processSpecs } from '@daybook/test/support/specifications.ts';
import { priceChecks } from './price-checks.ts';
import { priceChecksSpecs } from './price-checks.specs.ts';

processSpecs(priceChecks, priceChecksSpecs);
