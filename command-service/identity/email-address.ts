import { accept, reject, type Decider, type Rejection } from '@daybook/kernel/decider.ts';
import type { IdentityEvent } from '@daybook/schemas/identity/events.generated.ts';

export type EmailAddressEvent = Extract<
  IdentityEvent,
  { type: 'EmailAddressReserved' | 'EmailAddressConfirmed' | 'EmailAddressReleased' }
>;

type Held = Readonly<{ addressHash: string; holder: string }>;

export type EmailAddressCommand =
  | (Held & Readonly<{ type: 'ReserveEmailAddress'; now: string }>)
  | (Held & Readonly<{ type: 'ConfirmEmailAddress' }>)
  | (Held & Readonly<{ type: 'ReleaseEmailAddress'; reason: string }>);

export type EmailAddressState = Readonly<{
  status: 'free' | 'reserved' | 'confirmed';
  holder: string | null;
}>;

export type EmailAddressRejection = Rejection<'email-taken'>;

const free: EmailAddressState = { status: 'free', holder: null };

const taken: EmailAddressRejection = {
  code: 'email-taken',
  detail: 'The e-mail address is in use already; please sign in instead.',
};

/** An e-mail address, known by its keyed hash: at most one user holds it. The holder is a user id. */
export const emailAddress: Decider<
  EmailAddressCommand,
  EmailAddressEvent,
  EmailAddressState,
  EmailAddressRejection
> = {
  category: 'emailAddress',
  initialState: () => free,

  evolve: (_state, event) => {
    switch (event.type) {
      case 'EmailAddressReserved':
        return { status: 'reserved', holder: event.data.holder };
      case 'EmailAddressConfirmed':
        return { status: 'confirmed', holder: event.data.holder };
      case 'EmailAddressReleased':
        return free;
    }
  },

  decide: (command, state) => {
    const { addressHash, holder } = command;
    switch (command.type) {
      case 'ReserveEmailAddress':
        if (state.holder === holder) return accept();
        return state.status === 'free'
          ? accept({ type: 'EmailAddressReserved', data: { addressHash, holder, reservedAt: command.now } })
          : reject(taken);
      case 'ConfirmEmailAddress':
        if (state.holder !== holder) return reject(taken);
        return state.status === 'confirmed'
          ? accept()
          : accept({ type: 'EmailAddressConfirmed', data: { addressHash, holder } });
      case 'ReleaseEmailAddress':
        // What is confirmed, or somebody else's by now, is not unused.
        return state.status === 'reserved' && state.holder === holder
          ? accept({ type: 'EmailAddressReleased', data: { addressHash, holder, reason: command.reason } })
          : accept();
    }
  },
};
