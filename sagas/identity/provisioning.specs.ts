import type { ProcessSpec } from '@daybook/kernel/specification.ts';
import { launchPlan } from './launch-plan.ts';

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
const verified = { type: 'SignupVerified', data: { ...ids, verifiedAt: '2026-01-01T12:00:00.000Z' } };
const expired = { timer: 'expired', at: '2026-01-02T00:00:00.000Z' };

export const provisioningSpecs: readonly ProcessSpec[] = [
  {
    name: 'waits for verification, as long as the token lives',
    given: [],
    when: requested,
    then: [{ kind: 'wake', timer: 'expired', when: { at: '2026-01-02T00:00:00.000Z' } }],
  },
  {
    name: 'provisions what stands in a new tenant; personal data stays sealed',
    given: [requested],
    when: verified,
    then: [
      {
        kind: 'send',
        call: { command: 'ProvisionWorkspace', input: { workspaceId: 'proj-01234567', name: 'Default' } },
      },
      {
        kind: 'send',
        call: {
          command: 'RegisterUser',
          input: {
            userId: 'user-0123456789',
            email: requested.data.email,
            name: requested.data.name,
            role: 'owner',
          },
        },
      },
      {
        kind: 'send',
        call: { command: 'ConfirmEmailAddress', input: { addressHash: 'aa', holder: 'user-0123456789' } },
      },
      { kind: 'send', call: { command: 'CreatePlan', input: launchPlan } },
      { kind: 'finish' },
    ],
  },
  { name: 'provisions once', given: [requested, verified], when: verified, then: [] },
  {
    name: 'forgets a sign-up that was never verified',
    given: [requested],
    when: expired,
    then: [{ kind: 'finish' }],
  },
  { name: 'knows nothing of other sign-ups', given: [], when: verified, then: [] },
];
