import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { later } from '@daybook/kernel/instant.ts';
import { defineProcess } from '@daybook/kernel/process.ts';
import type { IdentityEvent } from '@daybook/schemas/identity/events.generated.ts';

type Input = RecordedEvent<
  Extract<IdentityEvent, { type: 'EmailAddressReserved' | 'EmailAddressConfirmed' | 'EmailAddressReleased' }>
>;

type State = Readonly<{ addressHash: string; holder: string }>;

/** Longer than a verification token lives: after it the sign-up that reserved cannot be verified any more. */
const unusedAfterMs = 25 * 60 * 60 * 1000;

/** Frees e-mail addresses that a sign-up reserved, and did not use since it died on the way. */
export const emailReservations = defineProcess<Input, State>({
  name: 'emailReservations',
  handles: ['EmailAddressReserved', 'EmailAddressConfirmed', 'EmailAddressReleased'],
  route: (input) => ({
    to: input.type === 'EmailAddressReserved' ? 'start' : 'continue',
    id: input.data.addressHash,
  }),
  initialState: () => ({ addressHash: '', holder: '' }),
  evolve: (state, input) =>
    input.type === 'EmailAddressReserved'
      ? { addressHash: input.data.addressHash, holder: input.data.holder }
      : state,
  react: (input, { addressHash, holder }) => {
    switch (input.type) {
      case 'EmailAddressReserved':
        return [{ kind: 'wake', timer: 'unused', when: { at: later(input.data.reservedAt, unusedAfterMs) } }];
      case 'EmailAddressConfirmed':
      case 'EmailAddressReleased':
        return [{ kind: 'finish' }];
      case 'TimerDue':
        return [
          {
            kind: 'send',
            call: { command: 'ReleaseEmailAddress', input: { addressHash, holder, reason: 'expired' } },
          },
          { kind: 'finish' },
        ];
    }
  },
});
