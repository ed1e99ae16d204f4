import type { Effect } from '@daybook/kernel/process.ts';
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
const expiry = { timer: 'expiry', at: '2026-01-02T00:00:00.000Z' };
const expired = {
  type: 'SignupExpired',
  data: { signupId: 'signup-1', userId: 'user-0123456789', expiredAt: '2026-01-02T00:00:01.000Z' },
};
const release = { timer: 'release', at: '2026-01-02T01:00:01.000Z' };

const provisions: readonly Effect[] = [
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
];

export const provisioningSpecs: readonly ProcessSpec[] = [
  {
    name: 'waits for verification, as long as the token lives',
    given: [],
    when: requested,
    then: [{ kind: 'wake', timer: 'expiry', when: { at: '2026-01-02T00:00:00.000Z' } }],
  },
  {
    name: 'provisions what stands in a new tenant; personal data stays sealed',
    given: [requested],
    when: verified,
    then: provisions,
  },
  { name: 'provisions once', given: [requested, verified], when: verified, then: [] },
  {
    name: 'asks for the expiry when the token has come to its end',
    given: [requested],
    when: expiry,
    then: [{ kind: 'send', call: { command: 'ExpireSignup', input: { signupId: 'signup-1' } } }],
  },
  {
    name: 'still provisions what was verified just before, however late it learns of it',
    given: [requested, expiry],
    when: verified,
    then: provisions,
  },
  {
    name: 'lets a verification under way come to its end before it releases the address',
    given: [requested, expiry],
    when: expired,
    then: [{ kind: 'wake', timer: 'release', when: { at: '2026-01-02T01:00:01.000Z' } }],
  },
  {
    name: 'releases what an expired sign-up may have reserved, and forgets it',
    given: [requested, expiry, expired],
    when: release,
    then: [
      {
        kind: 'send',
        call: {
          command: 'ReleaseEmailAddress',
          input: { addressHash: 'aa', holder: 'user-0123456789', reason: 'expired' },
        },
      },
      { kind: 'finish' },
    ],
  },
  { name: 'knows nothing of other sign-ups', given: [], when: verified, then: [] },
];
