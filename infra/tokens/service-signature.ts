import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a signed request between services is about. */
export type SignedRequest = Readonly<{ method: string; path: string; body: string | Uint8Array }>;

/** Headers of a signed request. */
export const signatureHeaders = {
  timestamp: 'daybook-timestamp',
  nonce: 'daybook-nonce',
  signature: 'daybook-signature',
} as const;

/** How far a request's timestamp may be from the receiver's clock. */
export const signatureWindowMs = 60_000;

/** Remembers nonces for as long as their timestamps are accepted. */
export type Nonces = Readonly<{
  /** False where the nonce was used before. @throws `unavailable` */
  use(nonce: string, forMs: number): Promise<boolean>;
}>;

export type SignatureCheck =
  Readonly<{ ok: true }> | Readonly<{ ok: false; reason: 'missing' | 'stale' | 'forged' | 'replayed' }>;

/** Signs a request by HMAC-SHA-256 over method, path, timestamp, nonce and the hash of the body. */
export function signRequest(
  secret: string,
  request: SignedRequest,
  nowMs = Date.now(),
): Record<string, string> {
  const timestamp = String(nowMs);
  const nonce = randomBytes(16).toString('base64url');
  return {
    [signatureHeaders.timestamp]: timestamp,
    [signatureHeaders.nonce]: nonce,
    [signatureHeaders.signature]: signature(secret, request, timestamp, nonce).toString('hex'),
  };
}

/**
 * Checks a signed request: signature (in constant time) before nonce, so that nobody without the secret can fill the
 * memory of nonces.
 */
export async function checkRequest(
  secret: string,
  request: SignedRequest,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  nonces: Nonces,
  nowMs = Date.now(),
): Promise<SignatureCheck> {
  const timestamp = headers[signatureHeaders.timestamp];
  const nonce = headers[signatureHeaders.nonce];
  const given = headers[signatureHeaders.signature];
  if (typeof timestamp !== 'string' || typeof nonce !== 'string' || typeof given !== 'string') {
    return { ok: false, reason: 'missing' };
  }
  const expected = signature(secret, request, timestamp, nonce);
  const bytes = Buffer.from(given, 'hex');
  if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected))
    return { ok: false, reason: 'forged' };
  const age = Math.abs(nowMs - Number(timestamp));
  if (!(age <= signatureWindowMs)) return { ok: false, reason: 'stale' };
  const first = await nonces.use(nonce, 2 * signatureWindowMs);
  return first ? { ok: true } : { ok: false, reason: 'replayed' };
}

function signature(secret: string, request: SignedRequest, timestamp: string, nonce: string): Buffer {
  const bodyHash = createHash('sha256').update(request.body).digest('hex');
  return createHmac('sha256', secret)
    .update(['daybook-1', request.method, request.path, timestamp, nonce, bodyHash].join('\n'))
    .digest();
}
