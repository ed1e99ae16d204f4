import { expect, test } from '@jest/globals';
import { beginning, type StreamName } from '@daybook/kernel/event.ts';
import { makeStateCache, type FoldOf, type KeptState } from './state-cache.ts';

const decider = {};

function of(name: string): FoldOf {
  return { stream: `thing-${name}` as StreamName, decider };
}

function kept(revision: number, state: unknown = {}): KeptState {
  return {
    tenantId: 't',
    state,
    revision,
    position: beginning,
    eventId: 'e',
    behind: false,
    snapshotRevision: -1,
  };
}

test('the stream that was put longest ago makes room', () => {
  const cache = makeStateCache({ maxStreams: 3 });
  for (const name of ['a', 'b', 'c']) cache.put(of(name), kept(1));
  cache.put(of('a'), kept(1));
  cache.put(of('b'), kept(2));
  cache.put(of('d'), kept(1));
  expect(['a', 'b', 'c', 'd'].map((name) => cache.get(of(name))?.revision)).toEqual([1, 2, undefined, 1]);
});

test('states are weighed: many small ones have room where few large ones have none', () => {
  const cache = makeStateCache({ maxBytes: 100_000 });
  for (let n = 0; n < 50; n += 1) cache.put(of(`small-${String(n)}`), kept(1, { n }));
  expect(cache.get(of('small-0'))).toBeDefined();
  for (let n = 0; n < 10; n += 1) cache.put(of(`large-${String(n)}`), kept(1, { text: 'x'.repeat(20_000) }));
  const left = Array.from({ length: 10 }, (_, n) => cache.get(of(`large-${String(n)}`)) !== undefined);
  expect(left).toEqual([false, false, false, false, false, false, true, true, true, true]);
  expect(cache.get(of('small-1'))).toBeUndefined();
});

test('a state as large as a quarter of the whole is not kept, nor what was kept before it', () => {
  const cache = makeStateCache({ maxBytes: 100_000 });
  cache.put(of('a'), kept(1));
  cache.put(of('a'), kept(2, ['x'.repeat(30_000)]));
  expect(cache.get(of('a'))).toBeUndefined();
  const off = makeStateCache({ maxBytes: 0 });
  off.put(of('a'), kept(1));
  expect(off.get(of('a'))).toBeUndefined();
});

test('a later state is not replaced by an earlier one; of equal ones the last is kept', () => {
  const cache = makeStateCache();
  cache.put(of('a'), kept(5));
  cache.put(of('a'), kept(4));
  expect(cache.get(of('a'))?.revision).toBe(5);
  cache.outdate(of('a'));
  expect(cache.get(of('a'))?.behind).toBe(true);
  cache.put(of('a'), kept(5));
  expect(cache.get(of('a'))?.behind).toBe(false);
  cache.drop(of('a'));
  cache.put(of('a'), kept(4));
  expect(cache.get(of('a'))?.revision).toBe(4);
});

test('what is kept for one decider is nothing to another', () => {
  const cache = makeStateCache();
  cache.put(of('a'), kept(5));
  const other = { ...of('a'), decider: {} };
  expect(cache.get(other)).toBeUndefined();
  cache.put(other, kept(3));
  expect(cache.get(other)?.revision).toBe(3);
  expect(cache.get(of('a'))).toBeUndefined();
});

test('states are frozen to their depths', () => {
  const state = { list: [{ deep: { n: 1 } }] };
  makeStateCache().put(of('a'), kept(1, state));
  expect(() => {
    (state.list[0] as { deep: { n: number } }).deep.n = 2;
  }).toThrow(TypeError);
});
