import { describe, expect, test } from '@jest/globals';

import { compileSchema } from './avro.ts';
import { largestLong } from './exact-long.ts';

const amount = compileSchema(
  {
    type: 'record',
    name: 'Amount',
    fields: [
      { name: 'minor', type: 'long' },
      { name: 'before', type: ['null', 'long'] },
    ],
  },
  { type: 'Amount', version: 1 },
);

describe('longs', () => {
  test.each([0, -1, 2 ** 31, -(2 ** 31) - 1, largestLong, -largestLong])('%d comes back exactly', (minor) => {
    const data = { minor, before: minor };
    amount.validate(data);
    expect(amount.decode(amount.encode(data))).toEqual(data);
  });

  const refused = expect.objectContaining({ code: 'schema-incompatible' });

  // avsc itself turns -(2^52 + 1) into 2^52 without a word.
  test.each([largestLong + 1, -largestLong - 2, Number.MAX_SAFE_INTEGER, 0.5, NaN, Infinity])(
    '%d is refused wherever it stands',
    (beyond) => {
      for (const data of [
        { minor: beyond, before: null },
        { minor: 0, before: beyond },
      ]) {
        expect(() => amount.validate(data)).toThrow(refused);
        expect(() => amount.encode(data)).toThrow(refused);
      }
    },
  );

  test('bytes of another writer that stand for a larger one are refused', () => {
    // Zig-zag of -(2^52 + 1) is 2^53 + 1, as another language writes it.
    const bytes = Buffer.from([0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0x00]);
    expect(() => amount.decode(bytes)).toThrow(refused);
  });
});
