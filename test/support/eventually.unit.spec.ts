import { afterEach, expect, jest, test } from '@jest/globals';
import { eventually } from './eventually.ts';

afterEach(() => {
  jest.useRealTimers();
});

test('a machine that stood still until the time was over is looked at again', async () => {
  let looks = 0;
  await eventually(
    () => {
      looks += 1;
      for (const until = performance.now() + 20; looks === 1 && performance.now() < until;);
      expect(looks).toBe(3);
    },
    { withinMs: 5, everyMs: 1 },
  );
});

test('what does not come to pass ends in the last error once the time is over', async () => {
  const began = performance.now();
  let looks = 0;
  const waiting = eventually(() => Promise.reject(new Error(`look ${String((looks += 1))}`)), {
    withinMs: 50,
    everyMs: 1,
  });
  await expect(waiting).rejects.toThrow(/^look \d\d+$/);
  expect(performance.now() - began).toBeGreaterThanOrEqual(50);
});

test('looks that take long by themselves lengthen it by a few seconds, whatever their number', async () => {
  jest.useFakeTimers();
  let looks = 0;
  const slow = async (): Promise<never> => {
    looks += 1;
    await new Promise((wake) => setTimeout(wake, 3_000));
    throw new Error('Not yet.');
  };
  const refused = expect(eventually(slow, { withinMs: 2_000 })).rejects.toThrow('Not yet.');
  await jest.advanceTimersByTimeAsync(12_000);
  await refused;
  expect(looks).toBe(3);
});
