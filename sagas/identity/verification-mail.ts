import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { defineProcess } from '@daybook/kernel/process.ts';
import type { IdentityEvent } from '@daybook/schemas/identity/events.generated.ts';

type Input = RecordedEvent<Extract<IdentityEvent, { type: 'SignupRequested' }>>;

/** Mails the verification token of a sign-up. The effect derives the token again from the command. */
export const verificationMail = defineProcess<Input, null>({
  name: 'verificationMail',
  handles: ['SignupRequested'],
  route: (input) => ({ to: 'start', id: input.data.signupId }),
  initialState: () => null,
  evolve: (state) => state,
  react: (input) => {
    if (input.type === 'TimerDue') return [];
    const { signupId, email, name, expiresAt } = input.data;
    const { commandId } = input.metadata;
    return [
      {
        kind: 'call',
        effect: 'sendVerificationMail',
        input: { signupId, email, name, expiresAt, commandId },
      },
      { kind: 'finish' },
    ];
  },
});
