import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { DaybookError } from '@daybook/kernel/errors.ts';

/** Resolves a host name to all its addresses. The system's resolver by default; tests bring their own. */
export type Resolver = (hostname: string) => Promise<readonly LookupAddress[]>;

/**
 * Addresses that count as public for `ipaddr.js` and still lead inside: Azure's platform channel
 * (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
 */
const insideThoughPublic = new Set(['168.63.129.16']);

/** IPv6 addresses assigned for global unicast (RFC 4291 and IANA's registry); everything else is special. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * True for addresses of the public internet only. Private, loopback, link-local (with the clouds' metadata services),
 * unique-local, carrier-grade NAT, multicast, broadcast, reserved and unspecified addresses are not; neither are the
 * forms that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo), whatever they carry.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  if (parsed.kind() === 'ipv6') return (parsed as ipaddr.IPv6).match(globalUnicast);
  return !insideThoughPublic.has(parsed.toString());
}

/** The address a URL's host spells out, or null for a name. URL parsing has made `0x7f.1` into `127.0.0.1` already. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return ipaddr.isValid(bare) ? bare : null;
}

/** The error of a host that leads inside. */
export function forbiddenAddress(host: string): DaybookError {
  return new DaybookError('address-forbidden', 'An outbound address is private, local or not allowed.', {
    fields: { host },
  });
}

/** The addresses of a host, each of them public. @throws `address-forbidden` where a single one is not */
export async function publicAddresses(
  hostname: string,
  resolver: Resolver,
): Promise<readonly LookupAddress[]> {
  const literal = literalAddress(hostname);
  const addresses =
    literal === null
      ? await resolver(hostname)
      : [{ address: literal, family: ipaddr.parse(literal).kind() === 'ipv6' ? 6 : 4 }];
  if (addresses.length === 0 || !addresses.every(({ address }) => isPublicAddress(address))) {
    throw forbiddenAddress(hostname);
  }
  return addresses;
}

/**
 * A `lookup` for sockets that answers with checked addresses only. The socket connects to what this returns and asks
 * nobody else, so a name that resolves differently a moment later gains nothing.
 */
export function guardedLookup(resolver: Resolver): LookupFunction {
  return (hostname, options, callback) => {
    publicAddresses(hostname, resolver).then(
      (addresses) => {
        const wanted = addresses.filter(
          ({ family }) => options.family === undefined || options.family === 0 || options.family === family,
        );
        const [first] = wanted;
        if (first === undefined) callback(forbiddenAddress(hostname), '', 4);
        else if (options.all === true) callback(null, [...wanted]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => {
        callback(error as NodeJS.ErrnoException, '', 4);
      },
    );
  };
}

/** The operating system's resolver, all addresses. */
export const systemResolver: Resolver = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });
