import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { later } from '@daybook/kernel/instant.ts';
import { defineProcess, type Effect, type TimerDue } from '@daybook/kernel/process.ts';
import type { IdentityEvent, SignupRequested } from '@daybook/schemas/identity/events.generated.ts';
import { launchPlan } from './launch-plan.ts';

type Input = RecordedEvent<
  Extract<IdentityEvent, { type: 'SignupRequested' | 'SignupVerified' | 'SignupExpired' }>
>;

type State = Readonly<{ requested: SignupRequested | null }>;

/** Longer than a verification that was under way at the expiry can take to reserve its address. */
const releaseAfterMs = 60 * 60 * 1000;

/**
 * A sign-up that was verified gets what stands in a new tenant; one that was not expires, and what it reserved is free
 * again. Which of the two, the sign-up's own history decides: the timer only asks.
 */
export const provisioning = defineProcess<Input, State>({
  name: 'provisioning',
  handles: ['SignupRequested', 'SignupVerified', 'SignupExpired'],
  route: (input) => ({
    to: input.type === 'SignupRequested' ? 'start' : 'continue',
    id: input.data.signupId,
  }),
  initialState: () => ({ requested: null }),
  evolve: (state, input) => (input.type === 'SignupRequested' ? { requested: input.data } : state),
  react: (input, { requested }) => (requested === null ? [] : reactions(input, requested)),
});

function reactions(input: Input | TimerDue, requested: SignupRequested): readonly Effect[] {
  const { signupId, addressHash, userId } = requested;
  switch (input.type) {
    case 'SignupRequested':
      return [wake('expiry', requested.expiresAt)];
    case 'SignupVerified':
      return [...provisions(requested), { kind: 'finish' }];
    case 'SignupExpired':
      return [wake('release', later(input.data.expiredAt, releaseAfterMs))];
    case 'TimerDue':
      return input.data.timer === 'expiry'
        ? [send('ExpireSignup', { signupId })]
        : [
            send('ReleaseEmailAddress', { addressHash, holder: userId, reason: 'expired' }),
            { kind: 'finish' },
          ];
  }
}

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

function wake(timer: 'expiry' | 'release', at: string): Effect {
  return { kind: 'wake', timer, when: { at } };
}
