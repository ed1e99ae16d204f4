import { accept, type Decider } from '@daybook/kernel/decider.ts';
import type { IdentityEvent, UserRegistered } from '@daybook/schemas/identity/events.generated.ts';

export type UserEvent = Extract<IdentityEvent, { type: 'UserRegistered' }>;
export type UserCommand = Readonly<{ type: 'RegisterUser'; data: UserRegistered }>;
export type UserState = Readonly<{ registered: boolean }>;

/** A person in a tenant. */
export const user: Decider<UserCommand, UserEvent, UserState> = {
  category: 'user',
  initialState: () => ({ registered: false }),
  evolve: () => ({ registered: true }),
  decide: ({ data }, state) => (state.registered ? accept() : accept({ type: 'UserRegistered', data })),
};
