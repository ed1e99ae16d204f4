import type { AccessTokens } from '@daybook/infra/tokens/access-tokens.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Vault } from '@daybook/kernel/ports/outside.ts';
import type { OperationsPorts } from './operations/commands.ts';

/** Signs access tokens. */
export type TokenIssuer = Pick<AccessTokens, 'issue'>;

/** What the commands of all capabilities need beside their input. */
export type CommandPorts = OperationsPorts &
  Readonly<{
    /** For facts that a command looks up in another stream. */
    eventStore: Pick<EventStore, 'read'>;
    vault: Vault;
    tokens: TokenIssuer;
    /** Life of the access token that ends a sign-up, in milliseconds. */
    signupTokenTtlMs: number;
    /** True outside production: mailed tokens also come back in the answer. */
    revealsMailedTokens: boolean;
    /** True for a private or loopback address that outbound requests may reach all the same. */
    allowsPrivateHost: (host: string, port: number) => boolean;
  }>;
