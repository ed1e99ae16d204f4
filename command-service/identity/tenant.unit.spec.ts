import { deciderSpecs } from '@daybook/test/support/specifications.ts';
import { tenant } from './tenant.ts';
import { tenantSpecs } from './tenant.specs.ts';

deciderSpecs(tenant, tenantSpecs);
