import type { OutboundResponse } from '@daybook/kernel/ports/outside.ts';

/** A body as text, with its media type. */
export type BodyText = Readonly<{ text: string; contentType: string }>;

/** As far into a document as browsers look for its encoding (WHATWG HTML 13.2.3.2). */
const prescanBytes = 1_024;

/**
 * Decodes a body by its byte order mark, the charset of `content-type`, or that of a `meta` tag, in this order (WHATWG
 * Encoding); UTF-8 otherwise. A host that does not say what it serves is believed to serve what it looks like.
 */
export function textOfBody({ headers, body }: Pick<OutboundResponse, 'headers' | 'body'>): BodyText {
  const header = headers['content-type'] ?? '';
  const stated = header.split(';')[0]?.trim().toLowerCase() ?? '';
  const head = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, prescanBytes)).toString(
    'latin1',
  );
  const contentType = stated === '' || stated === 'application/octet-stream' ? sniffed(head) : stated;
  const label = markOf(body) ?? charsetIn(header, head) ?? 'utf-8';
  return { text: decoder(label).decode(body), contentType };
}

function charsetIn(header: string, head: string): string | undefined {
  return (
    /charset\s*=\s*["']?([^"';\s]+)/i.exec(header)?.[1] ??
    /<meta[^>]+charset\s*=\s*["']?([^"'/>\s;]+)/i.exec(head)?.[1] ??
    /^<\?xml[^>]+encoding\s*=\s*["']([^"']+)/i.exec(head)?.[1]
  );
}

function sniffed(head: string): string {
  if (/^\s*(<!--|<!doctype html|<html|<head|<body|<div|<meta|<script)/i.test(head)) return 'text/html';
  if (/^\s*<\?xml/.test(head)) return 'application/xml';
  return /^\s*[[{]/.test(head) ? 'application/json' : 'application/octet-stream';
}

function markOf(body: Uint8Array): string | undefined {
  if (body[0] === 0xfe && body[1] === 0xff) return 'utf-16be';
  if (body[0] === 0xff && body[1] === 0xfe) return 'utf-16le';
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 'utf-8' : undefined;
}

function decoder(label: string): { decode: (bytes: Uint8Array) => string } {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder('utf-8');
  }
}
