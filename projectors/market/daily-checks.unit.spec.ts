import { projectionSpecs } from '@daybook/test/support/specifications.ts';
import { dailyChecks } from './daily-checks.ts';
import { dailyChecksSpecs } from './daily-checks.specs.ts';

projectionSpecs(dailyChecks, dailyChecksSpecs);
