import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyOwner } from '@daybook/kernel/ports/outside.ts';

/** NIST SP 800-38D: 96-bit initialisation vectors and 128-bit tags. */
const ivBytes = 12;
const tagBytes = 16;

const ownerKinds: ReadonlySet<string> = new Set<KeyOwner['kind']>(['subject', 'tenant', 'system']);

/** A sealed value taken apart: `sealed:v1:<owner kind>:<owner id>:<base64url of iv, ciphertext, tag>`. */
export type SealedForm = Readonly<{ owner: KeyOwner; box: Buffer }>;

/** Everything of a sealed value before its ciphertext; authenticated with it, so that it cannot change owners. */
export function sealedPrefix(owner: KeyOwner): string {
  return `sealed:v1:${owner.kind}:${encodeURIComponent(owner.id)}:`;
}

/** Takes a printed value apart; null for any text that is not of the form. Proves nothing about the ciphertext. */
export function parseSealed(text: string): SealedForm | null {
  const [scheme, version, kind, id, box, ...rest] = text.split(':');
  if (scheme !== 'sealed' || version !== 'v1' || rest.length > 0) return null;
  if (kind === undefined || !ownerKinds.has(kind) || id === undefined || id === '') return null;
  if (box === undefined || !/^[\w-]+$/.test(box)) return null;
  const owner = { kind: kind as KeyOwner['kind'], id: decoded(id) };
  if (sealedPrefix(owner) + box !== text) return null;
  return { owner, box: Buffer.from(box, 'base64url') };
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return '';
  }
}

/** Encrypts with AES-256-GCM: iv, ciphertext and tag in one buffer, bound to `context`. */
export function encrypt(key: Uint8Array, context: string, plain: Uint8Array): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context));
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Decrypts what `encrypt` made; null where key, context or a single bit differ. */
export function decrypt(key: Uint8Array, context: string, box: Uint8Array): Buffer | null {
  if (box.length < ivBytes + tagBytes) return null;
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, ivBytes), {
    authTagLength: tagBytes,
  }).setAAD(Buffer.from(context));
  decipher.setAuthTag(box.subarray(box.length - tagBytes));
  try {
    return Buffer.concat([decipher.update(box.subarray(ivBytes, box.length - tagBytes)), decipher.final()]);
  } catch {
    return null;
  }
}
