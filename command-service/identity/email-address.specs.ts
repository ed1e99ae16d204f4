import type { DeciderSpec } from '@daybook/kernel/specification.ts';
import type { EmailAddressCommand, EmailAddressEvent, EmailAddressRejection } from './email-address.ts';

const now = '2026-01-01T00:00:00.000Z';
const ada = { addressHash: 'aa', holder: 'user-ada' };
const ben = { addressHash: 'aa', holder: 'user-ben' };

const reserved: EmailAddressEvent = { type: 'EmailAddressReserved', data: { ...ada, reservedAt: now } };
const confirmed: EmailAddressEvent = { type: 'EmailAddressConfirmed', data: ada };
const released: EmailAddressEvent = { type: 'EmailAddressReleased', data: { ...ada, reason: 'expired' } };

export const emailAddressSpecs: readonly DeciderSpec<
  EmailAddressCommand,
  EmailAddressEvent,
  EmailAddressRejection
>[] = [
  {
    name: 'a free address is reserved',
    given: [],
    when: { type: 'ReserveEmailAddress', ...ada, now },
    then: [reserved],
  },
  {
    name: 'its holder may reserve it again',
    given: [reserved],
    when: { type: 'ReserveEmailAddress', ...ada, now },
    then: 'nothing',
  },
  {
    name: 'a reserved address is taken for others',
    given: [reserved],
    when: { type: 'ReserveEmailAddress', ...ben, now },
    then: { rejected: 'email-taken' },
  },
  {
    name: 'a released address is free for others',
    given: [reserved, released],
    when: { type: 'ReserveEmailAddress', ...ben, now },
    then: [{ type: 'EmailAddressReserved', data: { ...ben, reservedAt: now } }],
  },
  {
    name: 'its holder confirms it',
    given: [reserved],
    when: { type: 'ConfirmEmailAddress', ...ada },
    then: [confirmed],
  },
  {
    name: 'it is confirmed once',
    given: [reserved, confirmed],
    when: { type: 'ConfirmEmailAddress', ...ada },
    then: 'nothing',
  },
  {
    name: 'nobody else confirms it',
    given: [reserved],
    when: { type: 'ConfirmEmailAddress', ...ben },
    then: { rejected: 'email-taken' },
  },
  {
    name: 'an unused reservation is released',
    given: [reserved],
    when: { type: 'ReleaseEmailAddress', ...ada, reason: 'expired' },
    then: [released],
  },
  {
    name: 'a confirmed address stays',
    given: [reserved, confirmed],
    when: { type: 'ReleaseEmailAddress', ...ada, reason: 'expired' },
    then: 'nothing',
  },
  {
    name: 'the reservation of another stays',
    given: [reserved],
    when: { type: 'ReleaseEmailAddress', ...ben, reason: 'expired' },
    then: 'nothing',
  },
];
