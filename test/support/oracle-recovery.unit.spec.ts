import { expect, test } from '@jest/globals';
import type { Answer } from './caller.ts';
import { eventually } from './eventually.ts';
import { watchRecovery } from './oracle-recovery.ts';

const answer = (status: number): Answer => ({ status, headers: new Headers(), body: {}, code: undefined });

/** A system that answers `/readyz` with these in turn, the last one for good, and every query with `query`. */
function watched(readyz: readonly number[], query: number) {
  const left = [...readyz];
  let asked = 0;
  const watch = watchRecovery((_, path) => {
    if (path !== '/readyz') return Promise.resolve(answer(query));
    asked += 1;
    const status = left.length > 1 ? left.shift() : left[0];
    return status === 0
      ? Promise.reject(new Error('Nobody is there.'))
      : Promise.resolve(answer(status ?? 0));
  }, 50);
  return async () => {
    await eventually(() => expect(asked).toBeGreaterThanOrEqual(readyz.length));
    return watch.stop();
  };
}

test('a system that is away, then not ready, then ready, is well', async () => {
  const { readyMs, wrong } = await watched([0, 503, 200], 200)();
  expect(readyMs).toBeGreaterThan(0);
  expect(wrong).toEqual([]);
});

test('one that says it is ready and does not answer is told', async () => {
  expect((await watched([200], 503)()).wrong.join()).toContain('said it is ready, and did not answer');
});

test('one that says anything but 503 while it is not ready is told, and one that never is ready has no time', async () => {
  const { readyMs, wrong } = await watched([500, 503], 200)();
  expect(wrong).toEqual(['answered /readyz with 500 while it was not ready']);
  expect(readyMs).toBeNull();
});
