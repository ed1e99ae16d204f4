import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a signed request between services is about. */
export type SignedRequest = Readonly<{ method: string; path: string; body: string | Uint8Array }>;

/** Headers of a signed request. */
export const signatureHeaders = {
  timestamp: 'daybook-timestamp',
  nonce: 'daybook-nonce',
  bodyHash: 'daybook-body-sha256',
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

/** What the headers of a request say: who signed them, and of which body they speak. */
export type HeadCheck =
  | Readonly<{ ok: true; nonce: string; bodyHash: string }>
  | Readonly<{ ok: false; reason: 'missing' | 'stale' | 'forged' }>;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Signs a request by HMAC-SHA-256 over method, path, timestamp, nonce and the hash of the body. The hash goes along, so
 * that the signature can be checked before the body is read.
 */
export function signRequest(
  secret: string,
  request: SignedRequest,
  nowMs = Date.now(),
): Record<string, string> {
  const timestamp = String(nowMs);
  const nonce = randomBytes(16).toString('base64url');
  const bodyHash = hashOf(request.body);
  return {
    [signatureHeaders.timestamp]: timestamp,
    [signatureHeaders.nonce]: nonce,
    [signatureHeaders.bodyHash]: bodyHash,
    [signatureHeaders.signature]: signature(secret, request, timestamp, nonce, bodyHash).toString('hex'),
  };
}

/** Checks the headers of a signed request, in constant time, without its body. */
export function checkHead(
  secret: string,
  request: Omit<SignedRequest, 'body'>,
  headers: Headers,
  nowMs = Date.now(),
): HeadCheck {
  const timestamp = headers[signatureHeaders.timestamp];
  const nonce = headers[signatureHeaders.nonce];
  const bodyHash = headers[signatureHeaders.bodyHash];
  const given = headers[signatureHeaders.signature];
  if (
    typeof timestamp !== 'string' ||
    typeof nonce !== 'string' ||
    typeof bodyHash !== 'string' ||
    typeof given !== 'string'
  ) {
    return { ok: false, reason: 'missing' };
  }
  const expected = signature(secret, request, timestamp, nonce, bodyHash);
  const bytes = Buffer.from(given, 'hex');
  if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected))
    return { ok: false, reason: 'forged' };
  const age = Math.abs(nowMs - Number(timestamp));
  return age <= signatureWindowMs ? { ok: true, nonce, bodyHash } : { ok: false, reason: 'stale' };
}

/**
 * Checks the body of a request whose headers are good: what they speak of before the nonce, so that nobody without the
 * secret can fill the memory of nonces.
 */
export async function checkBody(
  head: HeadCheck & { ok: true },
  body: string | Uint8Array,
  nonces: Nonces,
): Promise<SignatureCheck> {
  if (hashOf(body) !== head.bodyHash) return { ok: false, reason: 'forged' };
  const first = await nonces.use(head.nonce, 2 * signatureWindowMs);
  return first ? { ok: true } : { ok: false, reason: 'replayed' };
}

function hashOf(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

function signature(
  secret: string,
  request: Omit<SignedRequest, 'body'>,
  timestamp: string,
  nonce: string,
  bodyHash: string,
): Buffer {
  return createHmac('sha256', secret)
    .update(['daybook-1', request.method, request.path, timestamp, nonce, bodyHash].join('\n'))
    .digest();
}
