import { accept, reject, type Decider, type Rejection } from '@daybook/kernel/decider.ts';
import type { IdentityEvent, TenantProvisioned } from '@daybook/schemas/identity/events.generated.ts';

export type TenantEvent = Extract<IdentityEvent, { type: 'TenantProvisioned' }>;
export type TenantCommand = Readonly<{ type: 'ProvisionTenant'; data: TenantProvisioned }>;
export type TenantState = Readonly<{ ownerId: string | null }>;
export type TenantRejection = Rejection<'tenant-taken'>;

/** A tenant: one business. Its id is short, so that two businesses could draw the same: the first has it. */
export const tenant: Decider<TenantCommand, TenantEvent, TenantState, TenantRejection> = {
  category: 'tenant',
  initialState: () => ({ ownerId: null }),
  evolve: (_state, event) => ({ ownerId: event.data.ownerId }),
  decide: ({ data }, state) => {
    if (state.ownerId === data.ownerId) return accept();
    return state.ownerId === null
      ? accept({ type: 'TenantProvisioned', data })
      : reject({ code: 'tenant-taken', detail: 'The tenant id is taken; please sign up again.' });
  },
};
