import type { ProcessSpec } from '@daybook/kernel/specification.ts';

const held = { addressHash: 'aa', holder: 'user-ada' };
const reserved = { type: 'EmailAddressReserved', data: { ...held, reservedAt: '2026-01-01T00:00:00.000Z' } };
const confirmed = { type: 'EmailAddressConfirmed', data: held };
const released = { type: 'EmailAddressReleased', data: { ...held, reason: 'expired' } };
const unused = { timer: 'unused', at: '2026-01-02T01:00:00.000Z' };

export const emailReservationsSpecs: readonly ProcessSpec[] = [
  {
    name: 'wakes once no token can be alive any more',
    given: [],
    when: reserved,
    then: [{ kind: 'wake', timer: 'unused', when: { at: '2026-01-02T01:00:00.000Z' } }],
  },
  {
    name: 'releases what was not used by then',
    given: [reserved],
    when: unused,
    then: [
      {
        kind: 'send',
        call: { command: 'ReleaseEmailAddress', input: { ...held, reason: 'expired' } },
      },
      { kind: 'finish' },
    ],
  },
  { name: 'leaves a confirmed address', given: [reserved], when: confirmed, then: [{ kind: 'finish' }] },
  { name: 'leaves a released address', given: [reserved], when: released, then: [{ kind: 'finish' }] },
  { name: 'does nothing after confirmation', given: [reserved, confirmed], when: unused, then: [] },
];
