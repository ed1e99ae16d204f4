import type { EffectHandlers } from '@daybook/infra/runtime/effect-handlers.ts';
import { oneTimeTokens } from '@daybook/infra/tokens/one-time-tokens.ts';
import { erased, type Mail, type MailMessage, type Vault } from '@daybook/kernel/ports/outside.ts';
import { isPlain } from '@daybook/kernel/plain-text.ts';
import type { VerificationMail } from './verification-mail.ts';

export type IdentityEffectPorts = Readonly<{ vault: Vault; mail: Mail }>;

/** What the processes of identity ask of the outside. */
export function identityEffects({ vault, mail }: IdentityEffectPorts): EffectHandlers {
  const tokens = oneTimeTokens(vault, 'verification');
  return {
    sendVerificationMail: async (input, { effectId, send }) => {
      const { signupId, email, name, expiresAt, commandId } = input as VerificationMail;
      const to = await vault.open(email);
      // Who was erased in the meantime has no address any more.
      if (to === erased) return;
      const token = tokens.make(signupId, commandId);
      await mail.send(effectId, verificationMessage(to, await vault.open(name), token, expiresAt));
      await send({ command: 'RecordVerificationMailSent', input: { signupId } });
    },
  };
}

function verificationMessage(to: string, name: string, token: string, expiresAt: string): MailMessage {
  return {
    to,
    subject: 'Your Daybook verification token',
    text: [
      greeting(name),
      '',
      'with this token you verify your e-mail address and open your account:',
      '',
      token,
      '',
      `It can be used once, until ${expiresAt.slice(0, 16).replace('T', ' ')} UTC.`,
      'If you did not ask for an account, nothing needs to be done.',
      '',
    ].join('\n'),
  };
}

/** What mail programs make a link of: a scheme, an address, or a dot between a word and what could be a domain. */
const linkLike = /[@/\\:]|[\p{L}\p{N}]\.\p{L}{2,}/u;
const longestName = 80;

/**
 * The first line. Anybody may ask for an account in anybody's name: what is not simply a name is left out, so that
 * nobody has a message of theirs mailed from here.
 */
function greeting(name: string): string {
  const isName = name.length <= longestName && isPlain(name) && !linkLike.test(name);
  return isName ? `Hello ${name},` : 'Hello,';
}
