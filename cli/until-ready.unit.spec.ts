import { expect, test } from '@jest/globals';
import type { Readiness } from '@daybook/infra/platform.ts';
import { untilReady } from './until-ready.ts';

test('waits until everything is ready, a stop, or the limit', async () => {
  let asked = 0;
  const readyAt = (count: number) => (): Promise<Readiness> => {
    asked += 1;
    return Promise.resolve({ ready: asked === count, parts: {} });
  };
  const going = new AbortController().signal;
  await untilReady(readyAt(3), going);
  expect(asked).toBe(3);
  await untilReady(readyAt(0), AbortSignal.abort());
  expect(asked).toBe(3);
  await untilReady(readyAt(0), going, 1);
  expect(asked).toBe(4);
});
