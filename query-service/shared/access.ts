import type { Role } from '@daybook/kernel/command.ts';

/** Everyone who works in the tenant. */
export const members: readonly Role[] = ['owner', 'admin', 'manager', 'user', 'analyst', 'auditor'];

/** Those who run the tenant. */
export const admins: readonly Role[] = ['owner', 'admin'];

/** Read models whose rows only admins may look at, by whichever query. */
const ofAdmins: ReadonlySet<string> = new Set(['parkedDecisions']);

/** Whether a role that may ask about rows of any read model may look at this one. */
export function maySee(role: Role | null, readModel: string): boolean {
  return !ofAdmins.has(readModel) || (role !== null && admins.includes(role));
}

/** Those who may see what happened in the whole tenant, and who did it. */
export const observers: readonly Role[] = ['owner', 'admin', 'manager', 'analyst', 'auditor'];
