import { expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { coalesced } from './coalesced.ts';

test('calls of one turn go together, up to a size, in order, each with its own result', async () => {
  const batches: number[][] = [];
  const double = coalesced(
    async (items: readonly number[]) => {
      batches.push([...items]);
      await Promise.resolve();
      return items.map((item) => item * 2);
    },
    { maxItems: 3 },
  );
  expect(await Promise.all([1, 2, 3, 4, 5].map(double))).toEqual([2, 4, 6, 8, 10]);
  expect(batches).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
});

test('calls made while a batch is under way wait for the next', async () => {
  const batches: (readonly number[])[] = [];
  const ends: (() => void)[] = [];
  const call = coalesced<number, number>((items) => {
    batches.push(items);
    return new Promise((done) => {
      ends.push(() => {
        done(items);
      });
    });
  });
  const turn = (): Promise<void> =>
    new Promise((done) => {
      setImmediate(done);
    });
  const first = call(1);
  await turn();
  const others = [call(2), call(3)];
  await turn();
  expect(batches).toEqual([[1]]);
  ends[0]?.();
  expect(await first).toBe(1);
  await turn();
  ends[1]?.();
  expect(await Promise.all(others)).toEqual([2, 3]);
  expect(batches).toEqual([[1], [2, 3]]);
});

test('calls fail together, and the next ones go on', async () => {
  let fails = true;
  const work = coalesced((items: readonly number[]) =>
    fails ? Promise.reject(new Error('no')) : Promise.resolve(items),
  );
  await expect(Promise.all([work(1), work(2)])).rejects.toThrow('no');
  fails = false;
  expect(await work(2)).toBe(2);
});

test('the first call of a batch may wait a little for others', async () => {
  const batches: (readonly number[])[] = [];
  const call = coalesced<number, number>(
    (items) => {
      batches.push(items);
      return Promise.resolve(items);
    },
    { lingerMs: 20 },
  );
  const first = call(1);
  await new Promise((done) => {
    setImmediate(done);
  });
  expect(await Promise.all([first, call(2)])).toEqual([1, 2]);
  expect(batches).toEqual([[1, 2]]);
});

test('a database that does not answer fails all who wait, and a conflict only its batch', async () => {
  for (const [retry, calls] of [
    ['later', 1],
    ['now', 10],
  ] as const) {
    let batches = 0;
    const call = coalesced<number, number>(
      () => {
        batches += 1;
        return Promise.reject(new DaybookError('unavailable', 'No answer.', { retry }));
      },
      { maxItems: 50 },
    );
    const answers = await Promise.allSettled(Array.from({ length: 500 }, (_, index) => call(index)));
    expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
    expect(batches).toBe(calls);
  }
});

test('more than may wait are refused', async () => {
  const call = coalesced<number, number>((items) => Promise.resolve(items), { maxWaiting: 2 });
  const answers = await Promise.allSettled([1, 2, 3].map(call));
  expect(answers).toEqual([
    { status: 'fulfilled', value: 1 },
    { status: 'fulfilled', value: 2 },
    { status: 'rejected', reason: expect.objectContaining({ code: 'unavailable', retry: 'later' }) },
  ]);
});
