import { z } from 'zod';
import { oneTimeTokens } from '@daybook/infra/tokens/one-time-tokens.ts';
import { defineCommand, type Command } from '@daybook/kernel/command.ts';
import { later } from '@daybook/kernel/instant.ts';
import { isPlain } from '@daybook/kernel/plain-text.ts';
import type { CommandPorts } from '../command-ports.ts';
import { normalisedEmail, tenantIdFrom, userIdFrom, workspaceIdFrom } from './identifiers.ts';
import { provisioningCommands } from './provisioning-commands.ts';
import { recordedRefusal, signup, tokenRefusal } from './signup.ts';

/** How long a verification token can be used. */
const verificationTtlMs = 24 * 60 * 60 * 1000;

/** What stands for the id of a token that has not the form of one: no signup has it. */
const nobody = '00000000-0000-0000-0000-000000000000';

const text = (max: number): z.ZodString => z.string().trim().min(1).max(max);

/** A name: one line, as it is shown in mails, on pages and on terminals. */
const name = (max: number): z.ZodString =>
  text(max).refine(isPlain, 'Has to be one line without control characters.');

/** The commands of identity. */
export function identityCommands(ports: CommandPorts): readonly Command[] {
  return [requestSignup(ports), verifySignup(ports), ...provisioningCommands];
}

/** IDN-1. Field names are a frozen contract. */
function requestSignup({ vault, revealsMailedTokens }: CommandPorts): Command {
  const tokens = oneTimeTokens(vault, 'verification');
  return defineCommand({
    name: 'RequestSignup',
    summary: 'Asks for an account; a verification token is mailed.',
    access: 'public',
    method: 'POST',
    path: '/v1/auth/signup',
    status: 201,
    secretAnswer: true,
    input: z.strictObject({
      email: z.email().max(254).meta({ description: 'Where the verification token is mailed.' }),
      name: name(200).meta({ description: 'Full name of the person.' }),
      business_name: name(200).meta({ description: 'Becomes the name of the tenant.' }),
      intent: text(500).meta({ description: 'What the person wants of the platform.' }),
      use_case: text(2_000).nullish().meta({ description: 'More about the intended use.' }),
    }),
    output: z.strictObject({
      token: z.string().optional().meta({ description: 'The verification token; outside production only.' }),
      message: z.string(),
      email: z.string(),
    }),
    decider: signup,
    streamId: (_input, context) => context.id(0),
    tenantId: (input, context) => tenantIdFrom(input.business_name, context.id(2)),
    command: (input, context) => ({
      type: 'RequestSignup',
      data: {
        signupId: context.id(0),
        userId: userIdFrom(context.id(1)),
        tenantId: tenantIdFrom(input.business_name, context.id(2)),
        workspaceId: workspaceIdFrom(context.id(3)),
        email: input.email,
        name: input.name,
        addressHash: vault.hash('email-address', normalisedEmail(input.email)),
        businessName: input.business_name,
        intent: input.intent,
        useCase: input.use_case ?? null,
        tokenHash: tokens.hash(tokens.make(context.id(0), context.commandId)),
        expiresAt: later(context.now, verificationTtlMs),
      },
    }),
    answer: ({ input, streamId, context }) => ({
      ...(revealsMailedTokens ? { token: tokens.make(streamId, context.commandId) } : {}),
      message: 'Please check your e-mail for the verification token.',
      email: input.email,
    }),
  });
}

/** IDN-2. Field names are a frozen contract; its `token` is the access token under a second name. */
function verifySignup({ vault, tokens: accessTokens, signupTokenTtlMs }: CommandPorts): Command {
  const tokens = oneTimeTokens(vault, 'verification');
  return defineCommand({
    name: 'VerifySignup',
    summary: 'Proves a sign-up by its token; provisions the tenant and signs its owner in.',
    access: 'public',
    method: 'POST',
    path: '/v1/auth/verify',
    status: 200,
    secretAnswer: true,
    input: z.strictObject({
      token: z.string().min(1).max(200).meta({ description: 'The verification token as it was mailed.' }),
    }),
    output: z.strictObject({
      jwt: z.string().meta({ description: 'Access token.' }),
      token: z.string().meta({ description: 'The same access token.' }),
      tenant_id: z.string(),
      workspace_id: z.string(),
      user: z.strictObject({ id: z.string(), email: z.string(), name: z.string(), tenant_id: z.string() }),
    }),
    rejections: { 'token-invalid': 401, 'token-expired': 410, 'token-used': 410, 'token-locked': 429 },
    decider: signup,
    streamId: ({ token }) => tokens.idOf(token) ?? nobody,
    command: ({ token }, { now }) => ({ type: 'VerifySignup', tokenHash: tokens.hash(token), now }),
    first: ({ token }, state, { now }) => {
      if (state.status === 'none' || tokenRefusal(state, { tokenHash: tokens.hash(token), now }) !== null) {
        return [];
      }
      const { addressHash, userId, tenantId, businessName } = state.requested;
      return [
        { command: 'ReserveEmailAddress', input: { addressHash, holder: userId } },
        {
          command: 'ProvisionTenant',
          input: { tenantId, ownerId: userId, name: businessName, timeZone: 'UTC' },
        },
      ];
    },
    refusal: ({ events }) => recordedRefusal(events),
    answer: async ({ state }) => {
      if (state.status === 'none') throw new TypeError('A sign-up that was verified was asked for before.');
      const { userId, tenantId, workspaceId, email: sealedEmail, name } = state.requested;
      const email = await vault.open(sealedEmail);
      const bearer = { userId, email, role: 'owner', tenantId } as const;
      const { token } = await accessTokens.issue(bearer, { ttlMs: signupTokenTtlMs });
      return {
        jwt: token,
        token,
        tenant_id: tenantId,
        workspace_id: workspaceId,
        user: { id: userId, email, name: await vault.open(name), tenant_id: tenantId },
      };
    },
  });
}
