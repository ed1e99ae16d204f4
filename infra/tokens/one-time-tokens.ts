import type { Vault } from '@daybook/kernel/ports/outside.ts';

/** Hexadecimal digits of a secret: 128 bits. */
const secretDigits = 32;

/**
 * Tokens that are mailed and used once: `<id>.<secret>`, where the id names what the token is for. The secret is
 * derived from the command that asked for it, so that repeats of the command, and whoever mails it, come to the same
 * token and nobody has to keep it.
 */
export type OneTimeTokens = Readonly<{
  /** The token for an id, asked for by a command. */
  make: (id: string, commandId: string) => string;
  /** The keyed hash of a token: the only thing of it that is kept. */
  hash: (token: string) => string;
  /** The id a token claims to be for; null where it has not the form of a token. Proves nothing. */
  idOf: (token: string) => string | null;
}>;

/** @param purpose kebab-case; tokens and hashes of one purpose are of no use for another */
export function oneTimeTokens(vault: Pick<Vault, 'hash'>, purpose: string): OneTimeTokens {
  return {
    make: (id, commandId) => {
      const secret = vault.hash(`${purpose} secret`, `${id} ${commandId}`).slice(0, secretDigits);
      return `${id}.${secret}`;
    },
    hash: (token) => vault.hash(`${purpose} token`, token),
    idOf: (token) => /^([0-9a-f-]{36})\.[0-9a-f]{32}$/.exec(token)?.[1] ?? null,
  };
}
