import type { Rejection } from '@daybook/kernel/decider.ts';
import type { DeciderSpec } from '@daybook/kernel/specification.ts';
import type { UserCommand, UserEvent } from './user.ts';

const data = {
  userId: 'user-0123456789',
  tenantId: 'test-shop-c8e44f',
  email: 'sealed:v1:subject:user-0123456789:ZW1haWw',
  name: 'sealed:v1:subject:user-0123456789:bmFtZQ',
  role: 'owner',
} as const;
const registered: UserEvent = { type: 'UserRegistered', data };

export const userSpecs: readonly DeciderSpec<UserCommand, UserEvent, Rejection>[] = [
  { name: 'a user is registered', given: [], when: { type: 'RegisterUser', data }, then: [registered] },
  {
    name: 'a user is registered once',
    given: [registered],
    when: { type: 'RegisterUser', data },
    then: 'nothing',
  },
];
