import { processSpecs } from '@daybook/test/support/specifications.ts';
import { provisioning } from './provisioning.ts';
import { provisioningSpecs } from './provisioning.specs.ts';

processSpecs(provisioning, provisioningSpecs);
