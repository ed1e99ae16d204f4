import { describe, expect, test } from '@jest/globals';
import { isPublicAddress, literalAddress } from './address-guard.ts';
import { parseAllowHosts } from './allow-hosts.ts';

describe('public addresses', () => {
  test.each(['8.8.8.8', '93.184.216.34', '2606:4700::1111', '2a00:1450:4001::200e'])('%s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each([
    ['unspecified', '0.0.0.0'],
    ['unspecified', '::'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['loopback', '::1'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '192.168.1.1'],
    ['link-local, metadata', '169.254.169.254'],
    ['link-local', 'fe80::1'],
    ['carrier-grade NAT, metadata', '100.100.100.200'],
    ['protocol assignments, metadata', '192.0.0.192'],
    ['benchmarking', '198.18.0.1'],
    ['documentation', '203.0.113.1'],
    ['multicast', '224.0.0.1'],
    ['multicast', 'ff02::1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['platform channel', '168.63.129.16'],
    ['unique-local, metadata', 'fd00:ec2::254'],
    ['site-local', 'fec0::1'],
    ['IPv4-mapped', '::ffff:10.0.0.1'],
    ['IPv4-mapped, of a public address', '::ffff:8.8.8.8'],
    ['IPv4-compatible', '::7f00:1'],
    ['NAT64', '64:ff9b::a00:1'],
    ['local NAT64', '64:ff9b:1::1'],
    ['6to4', '2002:7f00:1::'],
    ['Teredo', '2001::1'],
    ['documentation', '2001:db8::1'],
    ['discard', '100::1'],
    ['with a zone', 'fe80::1%eth0'],
    ['no address', 'localhost'],
  ])('not %s: %s', (_, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

test('a literal is told from a name', () => {
  expect([literalAddress('[::1]'), literalAddress('127.0.0.1'), literalAddress('shop.example')]).toEqual([
    '::1',
    '127.0.0.1',
    null,
  ]);
});

describe('allowed hosts', () => {
  test('are kept as URLs spell them', () => {
    expect([...parseAllowHosts(['127.0.0.1:8080', 'Shop.Internal:443', '[::1]:80'])]).toEqual([
      '127.0.0.1:8080',
      'shop.internal:443',
      '[::1]:80',
    ]);
  });

  test.each(['shop.example', '127.0.0.1:', 'http://x:1', 'x:1/path', 'u@x:1', '*:80x', 'x:99999'])(
    '%s is no entry',
    (entry) => {
      expect(() => parseAllowHosts([entry])).toThrow('not "host:port"');
    },
  );
});
