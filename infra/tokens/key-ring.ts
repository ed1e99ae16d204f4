import type { CryptoKey, JSONWebKeySet, JWSHeaderParameters } from 'jose';

export type SigningAlgorithm = 'EdDSA' | 'RS256' | 'HS256';

/** The key that signs at present. */
export type SigningKey = Readonly<{ kid?: string; key: CryptoKey | Uint8Array }>;

/** Keys of access tokens: one signs, it and those before it verify. */
export type KeyRing = Readonly<{
  algorithm: SigningAlgorithm;
  /** @throws `unavailable` · `key-unknown` */
  signing(): Promise<SigningKey>;
  /**
   * The key a token's header names.
   * @throws an error of jose where there is none
   */
  verifying(header: JWSHeaderParameters): Promise<CryptoKey | Uint8Array>;
  /** Public keys, for `/.well-known/jwks.json`. */
  publicKeys(): Promise<JSONWebKeySet>;
}>;

/** A ring of the one secret that an older system shares with its clients. Outside production only. */
export function sharedSecretRing(secret: string): KeyRing {
  const key = new TextEncoder().encode(secret);
  return {
    algorithm: 'HS256',
    signing: () => Promise.resolve({ key }),
    verifying: () => Promise.resolve(key),
    publicKeys: () => Promise.resolve({ keys: [] }),
  };
}
