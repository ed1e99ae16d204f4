import type { ProcessSpec } from '@daybook/kernel/specification.ts';

const ids = {
  signupId: 'signup-1',
  userId: 'user-0123456789',
  tenantId: 'test-shop-c8e44f',
  workspaceId: 'proj-01234567',
};
const requested = {
  type: 'SignupRequested',
  metadata: { commandId: 'command-1' },
  data: {
    ...ids,
    email: 'sealed:v1:subject:user-0123456789:ZW1haWw',
    name: 'sealed:v1:subject:user-0123456789:bmFtZQ',
    addressHash: 'aa',
    businessName: 'Test Shop',
    intent: 'watch prices',
    useCase: null,
    tokenHash: 'hash',
    expiresAt: '2026-01-02T00:00:00.000Z',
  },
};

export const verificationMailSpecs: readonly ProcessSpec[] = [
  {
    name: 'asks for the mail, with the command that the token is derived from and sealed fields sealed',
    given: [],
    when: requested,
    then: [
      {
        kind: 'call',
        effect: 'sendVerificationMail',
        input: {
          signupId: 'signup-1',
          email: requested.data.email,
          name: requested.data.name,
          expiresAt: '2026-01-02T00:00:00.000Z',
          commandId: 'command-1',
        },
      },
      { kind: 'finish' },
    ],
  },
];
