import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { murmur2, partitionOf } from './partitioner.ts';

describe('the partitioner', () => {
  // Source: UtilsTest.testMurmur2 of Apache Kafka.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as Kafka does', (text, hash) => {
    expect(murmur2(new TextEncoder().encode(text))).toBe(hash);
  });

  test('places every key, of any script, in one of the partitions, always the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
        const partition = partitionOf(key, partitions);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(partitions);
        expect(partitionOf(key, partitions)).toBe(partition);
      }),
    );
  });

  test('hashes a view into a larger buffer by its own bytes only', () => {
    const bytes = new TextEncoder().encode('xxfoobar');
    expect(murmur2(bytes.subarray(2))).toBe(-790332482);
  });
});
