import type { OutboundRequest } from '@daybook/kernel/ports/outside.ts';

/** One request of a chain of redirects. Header names are in lower case. */
export type Hop = Readonly<{
  url: URL;
  method: NonNullable<OutboundRequest['method']>;
  headers: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
}>;

/** Headers that belong to an origin and stay with it (RFC 9110 15.4). */
const ofOrigin = ['authorization', 'proxy-authorization', 'cookie', 'host'];
const ofBody = ['content-type', 'content-length', 'content-encoding', 'content-language', 'content-location'];

/** Statuses whose `location` is followed (RFC 9110 15.4). */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** The request that a redirect asks for: 303, and 301 or 302 after a POST, turn into a GET without a body. */
export function nextHop(hop: Hop, status: number, url: URL): Hop {
  const turnsToGet =
    (status === 303 && hop.method !== 'HEAD') ||
    ((status === 301 || status === 302) && hop.method === 'POST');
  const dropped = new Set([
    ...(url.origin === hop.url.origin ? [] : ofOrigin),
    ...(turnsToGet ? ofBody : []),
  ]);
  return {
    url,
    method: turnsToGet ? 'GET' : hop.method,
    headers: Object.fromEntries(Object.entries(hop.headers).filter(([name]) => !dropped.has(name))),
    ...(turnsToGet || hop.body === undefined ? {} : { body: hop.body }),
  };
}
