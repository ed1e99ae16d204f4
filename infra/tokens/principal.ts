import type { Role } from '@daybook/kernel/command.ts';
import type { Actor } from '@daybook/kernel/event.ts';

/** Who a request is made for, as its credential says. */
export type Principal = Readonly<{
  actor: Actor;
  tenantId: string;
  role: Role;
  /** The `jti` of its token. */
  tokenId: string;
  /** When its token stops to be accepted: epoch milliseconds. */
  until: number;
}>;

const roles: readonly string[] = [
  'owner',
  'admin',
  'manager',
  'user',
  'guest',
  'analyst',
  'auditor',
] satisfies readonly Role[];

/** True for the name of a role. */
export function isRole(value: unknown): value is Role {
  return typeof value === 'string' && roles.includes(value);
}
