import { expect, test } from '@jest/globals';
import { askParts, notReady } from './readiness.ts';

test('ready when every part is; details are shown, unknown failures are not', async () => {
  expect(
    await askParts({ a: () => Promise.resolve(undefined), b: () => Promise.resolve('3 behind') }),
  ).toEqual({
    ready: true,
    parts: { a: { ready: true }, b: { ready: true, detail: '3 behind' } },
  });
  expect(
    await askParts({
      a: () => Promise.reject(notReady('Nobody leads.')),
      b: () => Promise.reject(new Error('password=hunter2')),
    }),
  ).toEqual({
    ready: false,
    parts: { a: { ready: false, detail: 'Nobody leads.' }, b: { ready: false, detail: 'It failed.' } },
  });
});

test('a part that does not answer is not waited for', async () => {
  const silent = await askParts({ a: () => new Promise(() => undefined) }, 10);
  expect(silent.parts['a']).toEqual({ ready: false, detail: 'It does not answer in time.' });
});
