import { describe, expect, test } from '@jest/globals';
import { keyCache } from './key-cache.ts';

function counting(size: number, ttlMs: number) {
  let time = 0;
  let loads = 0;
  const cache = keyCache<number>({ size, ttlMs, now: () => time });
  return {
    get: (key: string) => cache.get(key, () => Promise.resolve((loads += 1))),
    fail: (key: string) => cache.get(key, () => Promise.reject(new Error('no'))),
    forget: cache.forget,
    pass: (ms: number) => (time += ms),
  };
}

describe('key cache', () => {
  test('shares one load among callers until its time is over, however often it is used', async () => {
    const cache = counting(10, 100);
    expect(await Promise.all([cache.get('a'), cache.get('a')])).toEqual([1, 1]);
    cache.pass(99);
    expect(await cache.get('a')).toBe(1);
    cache.pass(1);
    expect(await cache.get('a')).toBe(2);
  });

  test('drops what was unused for longest when full', async () => {
    const cache = counting(2, 100);
    await cache.get('a');
    await cache.get('b');
    await cache.get('a');
    await cache.get('c');
    expect(await cache.get('a')).toBe(1);
    expect(await cache.get('b')).toBe(4);
  });

  test('forgets on demand, and keeps no failure', async () => {
    const cache = counting(2, 100);
    await expect(cache.fail('a')).rejects.toThrow('no');
    expect(await cache.get('a')).toBe(1);
    cache.forget('a');
    expect(await cache.get('a')).toBe(2);
  });

  test('a load that fails late does not remove the one that replaced it', async () => {
    let refuse: (error: Error) => void = () => undefined;
    const cache = keyCache<number>({ size: 2, ttlMs: 100, now: () => 0 });
    const late = cache.get('a', () => new Promise((_, reject) => (refuse = reject)));
    cache.forget('a');
    await cache.get('a', () => Promise.resolve(1));
    refuse(new Error('late'));
    await expect(late).rejects.toThrow('late');
    expect(await cache.get('a', () => Promise.resolve(2))).toBe(1);
  });
});
