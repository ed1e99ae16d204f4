import { accept, type Decider } from '@daybook/kernel/decider.ts';
import type { IdentityEvent, WorkspaceProvisioned } from '@daybook/schemas/identity/events.generated.ts';

export type WorkspaceEvent = Extract<IdentityEvent, { type: 'WorkspaceProvisioned' }>;
export type WorkspaceCommand = Readonly<{ type: 'ProvisionWorkspace'; data: WorkspaceProvisioned }>;
export type WorkspaceState = Readonly<{ provisioned: boolean }>;

/** A workspace of a tenant. */
export const workspace: Decider<WorkspaceCommand, WorkspaceEvent, WorkspaceState> = {
  category: 'workspace',
  initialState: () => ({ provisioned: false }),
  evolve: () => ({ provisioned: true }),
  decide: ({ data }, state) =>
    state.provisioned ? accept() : accept({ type: 'WorkspaceProvisioned', data }),
};
