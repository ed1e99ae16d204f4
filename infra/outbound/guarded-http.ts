import { Agent, ProxyAgent, request as send, type Dispatcher } from 'undici';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { Log, OutboundHttp, OutboundRequest, OutboundResponse } from '@daybook/kernel/ports/outside.ts';
import {
  forbiddenAddress,
  guardedLookup,
  literalAddress,
  isPublicAddress,
  publicAddresses,
  systemResolver,
  type Resolver,
} from './address-guard.ts';
import { acceptedEncodings, readBody } from './body.ts';
import { parseAllowHosts } from './allow-hosts.ts';
import { nextHop, isRedirect, type Hop } from './redirects.ts';

export type GuardedHttpOptions = Readonly<{
  /** `host:port` entries that may be reached although their addresses are not public; see `parseAllowHosts`. */
  allowHosts?: readonly string[];
  log: Log;
  /** Default: the operating system's. */
  resolver?: Resolver;
  /**
   * HTTP proxies to go through. One host always takes the same one, so that it sees one visitor. The addresses of a host
   * are checked here first; which of them the proxy then takes is the proxy's business. Allowed hosts are reached directly.
   */
  proxyUrls?: readonly string[];
}>;

const defaults = { timeoutMs: 30_000, maxBytes: 5 * 1024 * 1024, maxRedirects: 5 } as const;

const pool = {
  connections: 16,
  allowH2: false,
  keepAliveTimeout: 4_000,
  keepAliveMaxTimeout: 30_000,
} as const;

/**
 * HTTP to the outside, guarded: http and https only, no credentials in URLs, and no connection to an address that is not
 * public, checked after resolution, at every redirect, and pinned for the connection. Times, sizes (after decompression)
 * and redirects are limited; `authorization` and cookies are dropped when a redirect leaves the origin.
 */
export function guardedHttp(options: GuardedHttpOptions): OutboundHttp & { close(): Promise<void> } {
  const allowed = parseAllowHosts(options.allowHosts ?? []);
  const resolver = options.resolver ?? systemResolver;
  const guarded = new Agent({ ...pool, connect: { lookup: guardedLookup(resolver) } });
  const open = new Agent(pool);
  const proxies = (options.proxyUrls ?? []).map((uri) => new ProxyAgent({ uri }));

  const dispatcherFor = async (url: URL): Promise<Dispatcher> => {
    if (allowed.has(authority(url))) return open;
    const literal = literalAddress(url.hostname);
    // Sockets skip `lookup` for literal addresses.
    if (literal !== null && !isPublicAddress(literal)) throw forbiddenAddress(url.hostname);
    const proxy = proxies[hash(url.hostname) % proxies.length];
    if (proxy === undefined) return guarded;
    await publicAddresses(url.hostname, resolver);
    return proxy;
  };

  const fetch = async (request: OutboundRequest): Promise<OutboundResponse> => {
    const timeoutMs = request.timeoutMs ?? defaults.timeoutMs;
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort();
    }, timeoutMs);
    try {
      return await follow(request, dispatcherFor, deadline.signal);
    } catch (error) {
      const failure = translate(error, deadline.signal.aborted, request.url);
      options.log.debug('An outbound request failed.', { code: failure.code, ...failure.fields });
      throw failure;
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    fetch,
    close: async () => {
      await Promise.all([guarded, open, ...proxies].map((agent) => agent.destroy()));
    },
  };
}

async function follow(
  request: OutboundRequest,
  dispatcherFor: (url: URL) => Promise<Dispatcher>,
  signal: AbortSignal,
): Promise<OutboundResponse> {
  const { maxRedirects, maxBytes } = { ...defaults, ...request };
  const seen = new Set<string>();
  let hop = firstHop(request);
  for (;;) {
    // Without cookies a page that was seen once answers the same again.
    const place = `${hop.method} ${hop.url.href}`;
    if (seen.has(place) || seen.size > maxRedirects) throw redirectLoop(hop.url);
    seen.add(place);
    const response = await send(hop.url, {
      dispatcher: await dispatcherFor(hop.url),
      method: hop.method,
      headers: { 'accept-encoding': acceptedEncodings, ...hop.headers },
      body: hop.body ?? null,
      signal,
    });
    const headers = joined(response.headers);
    const location = headers['location'];
    if (maxRedirects === 0 || !isRedirect(response.statusCode) || location === undefined) {
      const body = await readBody(response.body, {
        contentEncoding: headers['content-encoding'] ?? '',
        contentLength: contentLength(headers['content-length']),
        maxBytes,
      });
      return { url: hop.url.href, status: response.statusCode, headers, body };
    }
    response.body.on('error', () => undefined);
    await response.body.dump({ limit: 16_384 });
    hop = nextHop(hop, response.statusCode, checkedUrl(location, hop.url));
  }
}

function firstHop(request: OutboundRequest): Hop {
  return {
    url: checkedUrl(request.url),
    method: request.method ?? 'GET',
    headers: lowerCased(request.headers ?? {}),
    ...(request.body === undefined ? {} : { body: request.body }),
  };
}

function checkedUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new DaybookError('address-forbidden', 'Only http and https URLs are fetched.', {
      fields: { scheme: url?.protocol ?? 'none' },
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new DaybookError('address-forbidden', 'URLs with credentials are not fetched.', {
      fields: { host: url.host },
    });
  }
  return url;
}

/** `host:port` with the scheme's port spelled out. */
function authority(url: URL): string {
  return `${url.hostname}:${url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port}`;
}

function joined(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function contentLength(header: string | undefined): number | null {
  const length = Number(header ?? NaN);
  return Number.isFinite(length) ? length : null;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

function redirectLoop(url: URL): DaybookError {
  return new DaybookError('redirect-loop', 'An outside answer redirects too often.', {
    fields: { host: url.host },
  });
}

/** The one place where undici's and the resolver's errors become the platform's. */
function translate(error: unknown, expired: boolean, url: string): DaybookError {
  const host = URL.parse(url)?.host ?? '';
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isDaybookError(cause)) return cause;
  }
  const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
  if (expired || /TIMEOUT|ETIMEDOUT/.test(reason)) {
    return new DaybookError('timeout', 'An outside system did not answer in time.', {
      retry: 'later',
      fields: { host },
      cause: error,
    });
  }
  return new DaybookError('outside-failed', 'An outside system gave no answer.', {
    retry: 'later',
    fields: { host, reason },
    cause: error,
  });
}
