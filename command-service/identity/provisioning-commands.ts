import { z } from 'zod';
import { defineCommand, type Command } from '@daybook/kernel/command.ts';
import { emailAddress } from './email-address.ts';
import { signup } from './signup.ts';
import { tenant } from './tenant.ts';
import { user } from './user.ts';
import { workspace } from './workspace.ts';

const id = z.string().min(1).max(100);
const done = z.strictObject({});

/** What verification leads to; sent by `VerifySignup` and by the processes of identity. */
export const provisioningCommands: readonly Command[] = [
  defineCommand({
    name: 'RecordVerificationMailSent',
    summary: 'Records that the verification mail was handed over.',
    access: 'internal',
    method: 'POST',
    status: 204,
    input: z.strictObject({ signupId: id }),
    output: done,
    decider: signup,
    streamId: ({ signupId }) => signupId,
    command: (_input, { now }) => ({ type: 'RecordVerificationMailSent', now }),
    answer: () => ({}),
  }),
  defineCommand({
    name: 'ReserveEmailAddress',
    summary: 'Reserves an e-mail address, so that nobody else takes it.',
    access: 'internal',
    method: 'POST',
    status: 204,
    input: z.strictObject({ addressHash: id, holder: id }),
    output: done,
    decider: emailAddress,
    streamId: ({ addressHash }) => addressHash,
    tenantId: () => 'system',
    command: (input, { now }) => ({ type: 'ReserveEmailAddress', ...input, now }),
    answer: () => ({}),
  }),
  defineCommand({
    name: 'ConfirmEmailAddress',
    summary: 'Keeps a reserved e-mail address for good.',
    access: 'internal',
    method: 'POST',
    status: 204,
    input: z.strictObject({ addressHash: id, holder: id }),
    output: done,
    decider: emailAddress,
    streamId: ({ addressHash }) => addressHash,
    tenantId: () => 'system',
    command: (input) => ({ type: 'ConfirmEmailAddress', ...input }),
    answer: () => ({}),
  }),
  defineCommand({
    name: 'ReleaseEmailAddress',
    summary: 'Frees an e-mail address that was reserved and not used.',
    access: 'internal',
    method: 'POST',
    status: 204,
    input: z.strictObject({ addressHash: id, holder: id, reason: id }),
    output: done,
    decider: emailAddress,
    streamId: ({ addressHash }) => addressHash,
    tenantId: () => 'system',
    command: (input) => ({ type: 'ReleaseEmailAddress', ...input }),
    answer: () => ({}),
  }),
  defineCommand({
    name: 'ProvisionTenant',
    summary: 'Brings a tenant into being.',
    access: 'internal',
    method: 'POST',
    status: 204,
    input: z.strictObject({ tenantId: id, ownerId: id, name: z.string(), timeZone: z.string() }),
    output: done,
    decider: tenant,
    streamId: ({ tenantId }) => tenantId,
    tenantId: ({ tenantId }) => tenantId,
    command: (data) => ({ type: 'ProvisionTenant', data }),
    answer: () => ({}),
  }),
  defineCommand({
    name: 'ProvisionWorkspace',
    summary: 'Brings a workspace into being.',
    access: 'internal',
    method: 'POST',
    status: 204,
    input: z.strictObject({ workspaceId: id, name: z.string() }),
    output: done,
    decider: workspace,
    streamId: ({ workspaceId }) => workspaceId,
    command: (input, { tenantId }) => ({ type: 'ProvisionWorkspace', data: { ...input, tenantId } }),
    answer: () => ({}),
  }),
  defineCommand({
    name: 'RegisterUser',
    summary: 'Makes a person a user of the tenant.',
    access: 'internal',
    method: 'POST',
    status: 204,
    input: z.strictObject({
      userId: id,
      email: z.string(),
      name: z.string(),
      role: z.enum(['owner', 'admin', 'manager', 'user', 'guest', 'analyst', 'auditor']),
    }),
    output: done,
    decider: user,
    streamId: ({ userId }) => userId,
    command: (input, { tenantId }) => ({ type: 'RegisterUser', data: { ...input, tenantId } }),
    answer: () => ({}),
  }),
];
