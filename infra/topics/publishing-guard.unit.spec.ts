import { expect, test } from '@jest/globals';
import { neverReached, type KnownEnds } from './known-ends.ts';
import { publishingGuard } from './publishing-guard.ts';

const lost = { code: 'topic-lost' };

/** What is noted of one topic, and whether that can be done now. */
function notes(ends: readonly (readonly [number, number])[]) {
  const reached = new Map(ends);
  const state = { away: false };
  const known: KnownEnds = {
    of: () => (state.away ? Promise.reject(new Error('away')) : Promise.resolve(new Map(reached))),
    note: (_, places) => {
      for (const [partition, end] of places) reached.set(partition, end);
    },
    lose: (_, partitions) => {
      if (state.away) return Promise.reject(new Error('away'));
      for (const partition of partitions) reached.set(partition, neverReached);
      return Promise.resolve();
    },
    settled: () => Promise.resolve(),
  };
  return { known, reached, state };
}

const place = (first: number, end: number) => [{ partition: 0, first, end }];

test('what was published by another process since counts too', async () => {
  const { known, reached } = notes([[0, 2]]);
  const guard = publishingGuard(known);
  guard.watch('topic', 1);
  await guard.expectWhole('topic');
  await guard.stored('topic', place(2, 3));
  reached.set(0, 100);
  await guard.expectWhole('topic');
  await expect(guard.stored('topic', place(50, 60))).rejects.toMatchObject(lost);
  expect(reached.get(0)).toBe(neverReached);
});

test('a loss that cannot be noted is noted before anything more is sent', async () => {
  const { known, reached, state } = notes([[0, 2]]);
  const guard = publishingGuard(known);
  guard.watch('topic', 1);
  await guard.expectWhole('topic');
  state.away = true;
  await expect(guard.stored('topic', place(0, 9))).rejects.toThrow('away');
  await expect(guard.expectWhole('topic')).rejects.toThrow('away');
  state.away = false;
  await expect(guard.expectWhole('topic')).rejects.toMatchObject(lost);
  expect(reached.get(0)).toBe(neverReached);
});

test('a topic that was mended is published to, also before where the former one ended', async () => {
  const { known, reached } = notes([[0, 100]]);
  const guard = publishingGuard(known);
  guard.watch('topic', 1);
  await guard.expectWhole('topic');
  reached.set(0, 7);
  await guard.stored('topic', place(7, 9));
  await guard.expectWhole('topic');
  await guard.stored('topic', place(9, 10));
  expect(reached.get(0)).toBe(10);
});
