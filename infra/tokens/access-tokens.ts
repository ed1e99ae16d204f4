import { randomUUID } from 'node:crypto';
import { errors, jwtVerify, SignJWT, type JSONWebKeySet, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Role } from '@daybook/kernel/command.ts';
import type { KeyRing } from './key-ring.ts';
import { isRole, type Principal } from './principal.ts';

export type AccessTokensOptions = Readonly<{
  keys: KeyRing;
  /** The `iss` claim. Default `daybook`. */
  issuer?: string;
  /** Life of a token where `issue` is told nothing else. Default 15 minutes. */
  ttlMs?: number;
  /** Epoch milliseconds. Default: the system's clock. */
  now?: () => number;
  /** Verified tokens remembered. Default 10 000. */
  cacheSize?: number;
  /** How long one is remembered. Default 30 000. */
  cacheTtlMs?: number;
}>;

/** What a token says of its bearer. */
export type Bearer = Readonly<{ userId: string; email: string; role: Role; tenantId: string }>;

export type Verification =
  Readonly<{ ok: true; principal: Principal }> | Readonly<{ ok: false; reason: 'expired' | 'invalid' }>;

/** Access tokens: JSON Web Tokens (RFC 7519) with `sub, email, role, tenant, exp` and `iss, aud, jti, iat`. */
export type AccessTokens = Readonly<{
  /** @throws `unavailable` · `key-unknown` */
  issue(bearer: Bearer, options?: { ttlMs?: number }): Promise<{ token: string; expiresAt: string }>;
  /**
   * A token that is remembered is answered at once, without a promise: checking an Ed25519 signature costs about
   * 0.1 ms. Signature first: only a token of ours can be `expired`.
   * @throws `unavailable` · `key-unknown`
   */
  verify(token: string): Verification | Promise<Verification>;
  publicKeys(): Promise<JSONWebKeySet>;
}>;

const audience = 'daybook';

/** How far clocks may differ, in seconds. */
const leewayS = 30;

const invalid: Verification = { ok: false, reason: 'invalid' };
const expired: Verification = { ok: false, reason: 'expired' };

/** Issues and verifies access tokens (JWT) under the keys of a ring. Accepted tokens are remembered for a short while. */
export function accessTokens(options: AccessTokensOptions): AccessTokens {
  const {
    keys,
    issuer = 'daybook',
    ttlMs = 900_000,
    now = Date.now,
    cacheSize = 10_000,
    cacheTtlMs = 30_000,
  } = options;
  const known = new LRUCache<string, Readonly<{ accepted: Verification; expiresAt: number; until: number }>>({
    max: cacheSize,
  });

  function remember(token: string, accepted: Verification, expiresAt: number): void {
    known.set(token, { accepted, expiresAt, until: Math.min(expiresAt, now() + cacheTtlMs) });
  }

  async function check(token: string): Promise<Verification> {
    try {
      const { payload } = await jwtVerify(token, (header) => keys.verifying(header), {
        algorithms: [keys.algorithm],
        issuer,
        audience,
        clockTolerance: leewayS,
        currentDate: new Date(now()),
        requiredClaims: ['sub', 'exp', 'jti', 'tenant', 'role'],
      });
      const principal = principalOf(payload);
      if (principal === null) return invalid;
      const accepted = { ok: true, principal } as const;
      remember(token, accepted, principal.until);
      return accepted;
    } catch (error) {
      if (error instanceof errors.JWTExpired) return expired;
      if (error instanceof errors.JOSEError || error instanceof TypeError) return invalid;
      throw error;
    }
  }

  return {
    issue: async (bearer, { ttlMs: ownTtlMs = ttlMs } = {}) => {
      const { kid, key } = await keys.signing();
      const issuedAt = Math.floor(now() / 1_000);
      const expiresAt = issuedAt + Math.floor(ownTtlMs / 1_000);
      const token = await new SignJWT({ email: bearer.email, role: bearer.role, tenant: bearer.tenantId })
        .setProtectedHeader({ alg: keys.algorithm, typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
        .setSubject(bearer.userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setJti(randomUUID())
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(key);
      return { token, expiresAt: new Date(expiresAt * 1_000).toISOString() };
    },
    verify: (token) => {
      const entry = known.get(token);
      if (entry === undefined) return check(token);
      const at = now();
      if (at < entry.until) return entry.accepted;
      known.delete(token);
      return at < entry.expiresAt ? check(token) : expired;
    },
    publicKeys: () => keys.publicKeys(),
  };
}

function principalOf(payload: JWTPayload): Principal | null {
  const { sub, jti, tenant, role, exp } = payload as Record<string, unknown>;
  if (!isName(sub) || !isName(jti) || !isName(tenant) || !isRole(role)) return null;
  if (typeof exp !== 'number') return null;
  const until = (exp + leewayS) * 1_000;
  return { actor: { kind: 'user', id: sub }, tenantId: tenant, role, tokenId: jti, until };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
