import { expect, test } from '@jest/globals';
import { deciderSpecs } from '@daybook/test/support/specifications.ts';
import { recordedRefusal, signup, type SignupEvent } from './signup.ts';
import { signupSpecs } from './signup.specs.ts';

deciderSpecs(signup, signupSpecs, {
  counts: ['a wrong token is recorded', 'the right token too late is recorded'],
});

test.each([
  ['token-invalid', 'token-invalid'],
  ['token-expired', 'token-expired'],
])('a recorded failure %s refuses with %s', (reason, code) => {
  const failed: SignupEvent = {
    type: 'VerificationFailed',
    data: { signupId: 's', reason, failedAt: '2026-01-01T00:00:00.000Z' },
  };
  expect(recordedRefusal([failed])?.code).toBe(code);
  expect(recordedRefusal([])).toBeNull();
});
