import { describe, expect, test } from '@jest/globals';

import type { Event } from '@daybook/kernel/event.ts';

import {
  contractFor,
  contracts,
  currentVersion,
  decode,
  encode,
  eventsTopic,
  topicContracts,
  upcast,
  validate,
} from './contracts.ts';
import type { MarketEvent } from './market/events.generated.ts';

const observedV1 = {
  productId: 'p',
  observationId: 'o',
  requestId: 'r',
  price: { amountMinor: 1999, currency: 'EUR' },
  inStock: true,
  method: 'jsonLd',
  snapshotHash: 'h',
  observedAt: '2026-11-21T06:00:00.000Z',
};

const unknown = (fields: object): unknown =>
  expect.objectContaining({ code: 'schema-unknown', retry: 'never', fields });
const misfit = (path: string): unknown =>
  expect.objectContaining({
    code: 'schema-incompatible',
    fields: { type: 'PriceObserved', version: 1, path },
  });

describe('contracts', () => {
  test('say what is agreed about an event', () => {
    const contract = contractFor('PriceObserved');
    expect(contract).toMatchObject({
      fullName: 'daybook.market.PriceObserved',
      capability: 'market',
      kind: 'event',
      currentVersion: 2,
      stream: 'product',
      sealed: [],
    });
    expect(contract.versions.map(({ version }) => version)).toEqual([1, 2]);
  });

  test('say what is sealed, and for whom', () => {
    for (const type of ['SignupRequested', 'UserRegistered'])
      expect(contractFor(type)).toMatchObject({
        subject: 'userId',
        sealed: [
          { field: 'email', for: 'subject' },
          { field: 'name', for: 'subject' },
        ],
      });
  });

  test('say on which topic a message travels', () => {
    expect(contractFor('ScrapeRequested')).toMatchObject({
      kind: 'message',
      topic: 'daybook.scrape-requests.v1',
    });
  });

  test('name each topic once, the events topic among them', () => {
    const names = topicContracts.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain(eventsTopic);
  });

  test('have generated types that fit them', () => {
    const event: Event & MarketEvent = {
      type: 'ProductTracked',
      data: {
        productId: 'p',
        url: 'https://shop.example/p',
        host: 'shop.example',
        name: null,
        source: 'page',
        tags: ['tea'],
        group: null,
        schedule: { cron: '0 6 * * *', timeZone: 'UTC' },
      },
    };
    validate(event.type, currentVersion(event.type), event.data);
  });
});

describe('unknown types and versions are refused', () => {
  const refusals: Record<string, (type: string, version: number) => unknown> = {
    validate: (type, version) => validate(type, version, observedV1),
    upcast: (type, version) => upcast(type, version, observedV1),
    encode: (type, version) => encode(type, version, observedV1),
    decode: (type, version) => decode(type, version, Buffer.from([0])),
  };

  test.each(Object.entries(refusals))('%s', (_, work) => {
    expect(() => work('Unheard', 1)).toThrow(unknown({ type: 'Unheard' }));
    for (const version of [0, 3, 1.5])
      expect(() => work('PriceObserved', version)).toThrow(unknown({ type: 'PriceObserved', version }));
  });

  test.each(['constructor', '__proto__', 'toString'])('%s is no type', (type) => {
    expect(() => currentVersion(type)).toThrow(unknown({ type }));
  });
});

describe('validate', () => {
  test.each([
    ['a wrong type', { ...observedV1, requestId: 7 }, 'requestId'],
    [
      'a wrong type inside',
      { ...observedV1, price: { amountMinor: '1999', currency: 'EUR' } },
      'price.amountMinor',
    ],
    [
      'a fraction for a whole number',
      { ...observedV1, price: { amountMinor: 19.99, currency: 'EUR' } },
      'price.amountMinor',
    ],
    ['a symbol not listed', { ...observedV1, method: 'guess' }, 'method'],
    ['a field of its own', { ...observedV1, colour: 'red' }, 'colour'],
    ['a field of its own inside', { ...observedV1, price: { ...observedV1.price, net: 1 } }, 'price.net'],
    ['a missing field', { ...observedV1, price: undefined }, 'price'],
    ['no object', 'text', '(root)'],
    ['null', null, '(root)'],
    ['a list', [], 'productId'],
  ])('names the path of %s', (_, data, path) => {
    expect(() => {
      validate('PriceObserved', 1, data);
    }).toThrow(misfit(path));
  });

  test('never tells the value', () => {
    const secret = 'planted-secret';
    for (const data of [
      { ...observedV1, price: secret },
      { ...observedV1, method: secret },
    ])
      for (const work of [validate, encode])
        try {
          work('PriceObserved', 1, data);
          throw new Error('It was taken.');
        } catch (error) {
          const { message, stack, fields, cause } = error as Error & { fields: unknown };
          expect(message).not.toBe('It was taken.');
          expect(JSON.stringify([message, stack, fields, String(cause)])).not.toContain(secret);
        }
  });
});

describe('upcast', () => {
  test('leaves current data as it is, the very object', () => {
    const current = upcast('PriceObserved', 1, observedV1);
    expect(upcast('PriceObserved', 2, current)).toBe(current);
  });

  test.each([
    [true, 'inStock'],
    [false, 'outOfStock'],
    [null, 'unknown'],
  ])('in stock %s becomes %s', (inStock, availability) => {
    const { inStock: _, ...kept } = observedV1;
    expect(upcast('PriceObserved', 1, { ...observedV1, inStock })).toEqual({
      ...kept,
      availability,
      seller: null,
      title: null,
      extractorVersion: 0,
    });
  });
});

describe('encode and decode', () => {
  test('leave room for a framing', () => {
    const [plain, framed] = [
      encode('PriceObserved', 1, observedV1),
      encode('PriceObserved', 1, observedV1, 5),
    ];
    expect(framed.subarray(0, 5)).toEqual(Buffer.alloc(5));
    expect(framed.subarray(5)).toEqual(plain);
  });

  test('take data beyond the size of the shared buffer, and leave earlier results alone', () => {
    const first = encode('ProductRenamed', 1, { productId: 'first', name: null });
    const before = Buffer.from(first);
    const long = { productId: 'x'.repeat(300_000), name: 'y'.repeat(300_000) };
    expect(decode('ProductRenamed', 1, encode('ProductRenamed', 1, long))).toEqual(long);
    expect(first).toEqual(before);
  });

  test('give plain data', () => {
    const data = decode('PriceObserved', 1, encode('PriceObserved', 1, observedV1));
    expect(data).toStrictEqual(observedV1);
  });

  test('read from any view of memory', () => {
    const bytes = encode('PriceObserved', 1, observedV1);
    const view = new Uint8Array([9, ...bytes, 9]).subarray(1, -1);
    expect(decode('PriceObserved', 1, view)).toEqual(observedV1);
  });
});

test('every contract compiles', () => {
  for (const { name, versions } of contracts.values())
    for (const { version } of versions)
      expect(() => {
        validate(name, version, null);
      }).toThrow(expect.objectContaining({ code: 'schema-incompatible' }));
});
