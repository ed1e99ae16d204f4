import type { Role } from '@daybook/kernel/command.ts';

/** Everyone who works in the tenant. */
export const members: readonly Role[] = ['owner', 'admin', 'manager', 'user', 'analyst', 'auditor'];

/** Those who run the tenant. */
export const admins: readonly Role[] = ['owner', 'admin'];

/** Those who may see what happened in the whole tenant, and who did it. */
export const observers: readonly Role[] = ['owner', 'admin', 'manager', 'analyst', 'auditor'];
