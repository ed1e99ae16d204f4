import type { Rejection } from '@daybook/kernel/decider.ts';
import type { DeciderSpec } from '@daybook/kernel/specification.ts';
import type { WorkspaceCommand, WorkspaceEvent } from './workspace.ts';

const data = { workspaceId: 'proj-01234567', tenantId: 'test-shop-c8e44f', name: 'Default' };
const provisioned: WorkspaceEvent = { type: 'WorkspaceProvisioned', data };

export const workspaceSpecs: readonly DeciderSpec<WorkspaceCommand, WorkspaceEvent, Rejection>[] = [
  {
    name: 'a workspace is provisioned',
    given: [],
    when: { type: 'ProvisionWorkspace', data },
    then: [provisioned],
  },
  {
    name: 'a workspace is provisioned once',
    given: [provisioned],
    when: { type: 'ProvisionWorkspace', data },
    then: 'nothing',
  },
];
