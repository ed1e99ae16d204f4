import { accept, reject, type Decider, type Decision, type Rejection } from '@daybook/kernel/decider.ts';
import type { IdentityEvent, SignupRequested } from '@daybook/schemas/identity/events.generated.ts';

export type SignupEvent = Extract<
  IdentityEvent,
  {
    type:
      'SignupRequested' | 'VerificationFailed' | 'SignupVerified' | 'SignupExpired' | 'VerificationMailSent';
  }
>;

export type SignupCommand =
  | Readonly<{ type: 'RequestSignup'; data: SignupRequested }>
  | Readonly<{ type: 'VerifySignup'; tokenHash: string; now: string }>
  | Readonly<{ type: 'ExpireSignup'; now: string }>
  | Readonly<{ type: 'RecordVerificationMailSent'; now: string }>;

export type SignupState =
  | Readonly<{ status: 'none' }>
  | Readonly<{
      status: 'pending' | 'verified' | 'expired';
      requested: SignupRequested;
      failures: number;
      mailSent: boolean;
    }>;

export type TokenRefusal = 'token-invalid' | 'token-expired' | 'token-used' | 'token-locked';
export type SignupRejection = Rejection<TokenRefusal | 'signup-unknown'>;

/** A token that failed this often is of no use any more, right or wrong. */
export const mostFailures = 5;

/** A sign-up: asked for, mailed, then proved by the token that only the owner of the mailbox knows, or expired. */
export const signup: Decider<SignupCommand, SignupEvent, SignupState, SignupRejection> = {
  category: 'signup',
  initialState: () => ({ status: 'none' }),

  evolve: (state, event) => {
    switch (event.type) {
      case 'SignupRequested':
        return { status: 'pending', requested: event.data, failures: 0, mailSent: false };
      case 'VerificationFailed':
        return state.status === 'none' ? state : { ...state, failures: state.failures + 1 };
      case 'SignupVerified':
        return state.status === 'none' ? state : { ...state, status: 'verified' };
      case 'SignupExpired':
        return state.status === 'pending' ? { ...state, status: 'expired' } : state;
      case 'VerificationMailSent':
        return state.status === 'none' ? state : { ...state, mailSent: true };
    }
  },

  decide: (command, state) => {
    switch (command.type) {
      case 'RequestSignup':
        return state.status === 'none' ? accept({ type: 'SignupRequested', data: command.data }) : accept();
      case 'VerifySignup':
        return verify(command, state);
      case 'ExpireSignup':
      case 'RecordVerificationMailSent':
        return state.status === 'none' ? reject(refusalOf('signup-unknown')) : note(command, state);
    }
  },
};

/** What a token proves of a sign-up: that it is its owner's (null), or why it is refused. */
export function tokenRefusal(
  state: SignupState,
  { tokenHash, now }: Readonly<{ tokenHash: string; now: string }>,
): TokenRefusal | null {
  if (state.status === 'none') return 'token-invalid';
  if (state.status === 'pending' && state.failures >= mostFailures) return 'token-locked';
  if (state.requested.tokenHash !== tokenHash) return 'token-invalid';
  if (state.status === 'verified') return 'token-used';
  if (state.status === 'expired') return 'token-expired';
  return now < state.requested.expiresAt ? null : 'token-expired';
}

function verify(
  command: Readonly<{ tokenHash: string; now: string }>,
  state: SignupState,
): Decision<SignupEvent, SignupRejection> {
  const reason = tokenRefusal(state, command);
  if (state.status === 'none') return reject(refusalOf('token-invalid'));
  const { signupId, userId, tenantId, workspaceId } = state.requested;
  if (reason === null) {
    const data = { signupId, userId, tenantId, workspaceId, verifiedAt: command.now };
    return accept({ type: 'SignupVerified', data });
  }
  // Failures count while there is something to guess; after that nothing more is recorded.
  return state.status !== 'pending' || reason === 'token-locked'
    ? reject(refusalOf(reason))
    : accept({ type: 'VerificationFailed', data: { signupId, reason, failedAt: command.now } });
}

function note(
  { type, now }: Extract<SignupCommand, { type: 'ExpireSignup' | 'RecordVerificationMailSent' }>,
  { status, mailSent, requested: { signupId, userId } }: Exclude<SignupState, { status: 'none' }>,
): Decision<SignupEvent, SignupRejection> {
  if (type === 'ExpireSignup') {
    return status === 'pending'
      ? accept({ type: 'SignupExpired', data: { signupId, userId, expiredAt: now } })
      : accept();
  }
  return mailSent
    ? accept()
    : accept({ type: 'VerificationMailSent', data: { signupId, userId, sentAt: now } });
}

const details: Readonly<Record<SignupRejection['code'], string>> = {
  'token-invalid': 'The verification token is not valid.',
  'token-expired': 'The verification token has expired; please sign up again.',
  'token-used': 'The verification token was used already; please sign in.',
  'token-locked': 'The verification token failed too often; please sign up again.',
  'signup-unknown': 'There is no such sign-up.',
};

function refusalOf(code: SignupRejection['code']): SignupRejection {
  return { code, detail: details[code] };
}

/** The refusal that a recorded failure stands for. */
export function recordedRefusal(events: readonly SignupEvent[]): SignupRejection | null {
  const failed = events.find((event) => event.type === 'VerificationFailed');
  if (failed === undefined) return null;
  return refusalOf(failed.data.reason === 'token-expired' ? 'token-expired' : 'token-invalid');
}
