import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { defineProcess } from '@daybook/kernel/process.ts';
import type { IdentityEvent } from '@daybook/schemas/identity/events.generated.ts';

type Input = RecordedEvent<Extract<IdentityEvent, { type: 'SignupRequested' }>>;

/** What the effect `sendVerificationMail` is told. */
export type VerificationMail = Readonly<{
  signupId: string;
  /** Sealed. */
  email: string;
  /** Sealed. */
  name: string;
  expiresAt: string;
  /** The command that asked for the sign-up: the token comes from it. */
  commandId: string;
}>;

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
    const mail: VerificationMail = { signupId, email, name, expiresAt, commandId };
    return [{ kind: 'call', effect: 'sendVerificationMail', input: mail }, { kind: 'finish' }];
  },
});
