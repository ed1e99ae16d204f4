import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { defineProcess, type Effect } from '@daybook/kernel/process.ts';
import type { IdentityEvent, SignupRequested } from '@daybook/schemas/identity/events.generated.ts';
import { launchPlan } from './launch-plan.ts';

type Input = RecordedEvent<Extract<IdentityEvent, { type: 'SignupRequested' | 'SignupVerified' }>>;

type State = Readonly<{ requested: SignupRequested | null }>;

/** A sign-up that was verified gets everything that stands in a new tenant; one that never was is forgotten. */
export const provisioning = defineProcess<Input, State>({
  name: 'provisioning',
  handles: ['SignupRequested', 'SignupVerified'],
  route: (input) =>
    input.type === 'SignupRequested'
      ? { to: 'start', id: input.data.signupId }
      : { to: 'continue', id: input.data.signupId },
  initialState: () => ({ requested: null }),
  evolve: (state, input) => (input.type === 'SignupRequested' ? { requested: input.data } : state),
  react: (input, { requested }) => {
    if (requested === null) return [];
    switch (input.type) {
      case 'SignupRequested':
        return [{ kind: 'wake', timer: 'expired', when: { at: requested.expiresAt } }];
      case 'SignupVerified':
        return [...provisions(requested), { kind: 'finish' }];
      case 'TimerDue':
        return [{ kind: 'finish' }];
    }
  },
});

/** The tenant itself stands already: verification sent that ahead, since its id must be won first. */
function provisions(requested: SignupRequested): readonly Effect[] {
  const { workspaceId, userId, email, name, addressHash } = requested;
  return [
    send('ProvisionWorkspace', { workspaceId, name: 'Default' }),
    send('RegisterUser', { userId, email, name, role: 'owner' }),
    send('ConfirmEmailAddress', { addressHash, holder: userId }),
    send('CreatePlan', launchPlan),
  ];
}

function send(command: string, input: Readonly<Record<string, unknown>>): Effect {
  return { kind: 'send', call: { command, input } };
}
