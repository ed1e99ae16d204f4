import type { DeciderSpec } from '@daybook/kernel/specification.ts';
import { mostFailures, type SignupCommand, type SignupEvent, type SignupRejection } from './signup.ts';

const ids = {
  signupId: '6d9e3c0e-3f43-5ad0-8a3b-5f2b8d0c1a11',
  userId: 'user-0123456789',
  tenantId: 'test-shop-c8e44f',
  workspaceId: 'proj-01234567',
};

const data = {
  ...ids,
  email: 'sealed:v1:subject:user-0123456789:ZW1haWw',
  name: 'sealed:v1:subject:user-0123456789:bmFtZQ',
  addressHash: 'aa',
  businessName: 'Test Shop',
  intent: 'watch prices',
  useCase: null,
  tokenHash: 'right',
  expiresAt: '2026-01-02T00:00:00.000Z',
};

const requested: SignupEvent = { type: 'SignupRequested', data };

const at = '2026-01-01T12:00:00.000Z';
const late = '2026-01-02T00:00:00.000Z';

const verify = (tokenHash: string, now = at): SignupCommand => ({ type: 'VerifySignup', tokenHash, now });

const failed = (reason: string, failedAt = at): SignupEvent => ({
  type: 'VerificationFailed',
  data: { signupId: ids.signupId, reason, failedAt },
});

const verified: SignupEvent = { type: 'SignupVerified', data: { ...ids, verifiedAt: at } };

const expired: SignupEvent = {
  type: 'SignupExpired',
  data: { signupId: ids.signupId, userId: ids.userId, expiredAt: late },
};

const mailSent: SignupEvent = {
  type: 'VerificationMailSent',
  data: { signupId: ids.signupId, userId: ids.userId, sentAt: at },
};

const failures = (count: number): readonly SignupEvent[] =>
  Array.from({ length: count }, () => failed('token-invalid'));

export const signupSpecs: readonly DeciderSpec<SignupCommand, SignupEvent, SignupRejection>[] = [
  { name: 'a sign-up is asked for', given: [], when: { type: 'RequestSignup', data }, then: [requested] },
  {
    name: 'the right token in time verifies',
    given: [requested, mailSent],
    when: verify('right'),
    then: [verified],
  },
  {
    name: 'a wrong token is recorded',
    given: [requested],
    when: verify('wrong'),
    then: [failed('token-invalid')],
  },
  {
    name: 'the right token still verifies after some failures',
    given: [requested, ...failures(mostFailures - 1)],
    when: verify('right'),
    then: [verified],
  },
  {
    name: 'too many failures lock the token, right or wrong',
    given: [requested, ...failures(mostFailures)],
    when: verify('right'),
    then: { rejected: 'token-locked' },
  },
  {
    name: 'the right token too late is recorded',
    given: [requested],
    when: verify('right', late),
    then: [failed('token-expired', late)],
  },
  {
    name: 'a used token is refused',
    given: [requested, verified],
    when: verify('right'),
    then: { rejected: 'token-used' },
  },
  {
    name: 'a wrong token after verification is refused and not counted',
    given: [requested, verified],
    when: verify('wrong'),
    then: { rejected: 'token-invalid' },
  },
  {
    name: 'a token of no sign-up is refused',
    given: [],
    when: verify('right'),
    then: { rejected: 'token-invalid' },
  },
  {
    name: 'a sign-up that was not verified in time expires',
    given: [requested, failed('token-invalid')],
    when: { type: 'ExpireSignup', now: late },
    then: [expired],
  },
  {
    name: 'an expired sign-up is not verified any more, whatever the clock says',
    given: [requested, expired],
    when: verify('right'),
    then: { rejected: 'token-expired' },
  },
  {
    name: 'a wrong token of an expired sign-up is refused and not counted',
    given: [requested, expired],
    when: verify('wrong'),
    then: { rejected: 'token-invalid' },
  },
  {
    name: 'a verified sign-up does not expire',
    given: [requested, verified],
    when: { type: 'ExpireSignup', now: late },
    then: 'nothing',
  },
  {
    name: 'a sign-up that never was does not expire',
    given: [],
    when: { type: 'ExpireSignup', now: late },
    then: { rejected: 'signup-unknown' },
  },
  {
    name: 'the mail was handed over',
    given: [requested],
    when: { type: 'RecordVerificationMailSent', now: at },
    then: [mailSent],
  },
  {
    name: 'the mail is recorded once',
    given: [requested, mailSent],
    when: { type: 'RecordVerificationMailSent', now: late },
    then: 'nothing',
  },
  {
    name: 'a mail of no sign-up is refused',
    given: [],
    when: { type: 'RecordVerificationMailSent', now: at },
    then: { rejected: 'signup-unknown' },
  },
];
