import type { DeciderSpec } from '@daybook/kernel/specification.ts';
import type { TenantCommand, TenantEvent, TenantRejection } from './tenant.ts';

const data = { tenantId: 'test-shop-c8e44f', ownerId: 'user-ada', name: 'Test Shop', timeZone: 'UTC' };
const provisioned: TenantEvent = { type: 'TenantProvisioned', data };

export const tenantSpecs: readonly DeciderSpec<TenantCommand, TenantEvent, TenantRejection>[] = [
  {
    name: 'a tenant is provisioned',
    given: [],
    when: { type: 'ProvisionTenant', data },
    then: [provisioned],
  },
  {
    name: 'its founder provisions it once',
    given: [provisioned],
    when: { type: 'ProvisionTenant', data },
    then: 'nothing',
  },
  {
    name: 'another business that drew the same id is refused',
    given: [provisioned],
    when: { type: 'ProvisionTenant', data: { ...data, ownerId: 'user-ben' } },
    then: { rejected: 'tenant-taken' },
  },
];
