import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { concurrentMap } from './concurrent-map.ts';

test('no more items are held than may be, and answers come in the order of the items', async () => {
  let [asked, answered, most] = [0, 0, 0];
  function* items(): Generator<number, void, undefined> {
    for (let n = 0; n < 1_000; n += 1) {
      asked += 1;
      most = Math.max(most, asked - answered);
      yield n;
    }
  }
  const answers = concurrentMap(items(), 8, async (n) => {
    // Later ones are done first.
    for (let turns = 8 - (n % 8); turns > 0; turns -= 1) await turn();
    return n * 2;
  });
  for await (const answer of answers) {
    expect(answer).toBe(answered * 2);
    answered += 1;
  }
  expect([answered, most]).toEqual([1_000, 8]);
});

test('when one fails nothing is under way any more, and nothing else was begun', async () => {
  const begun: number[] = [];
  let ended = 0;
  const answers = concurrentMap(Array(100).keys(), 4, async (n) => {
    begun.push(n);
    await turn();
    if (n === 1) throw new Error(`${String(n)} failed`);
    for (let turns = 0; turns < n; turns += 1) await turn();
    ended += 1;
    return n;
  });
  expect(await answers.next()).toEqual({ done: false, value: 0 });
  await expect(answers.next()).rejects.toThrow('1 failed');
  expect(ended).toBe(begun.length - 1);
  expect(begun.length).toBeLessThanOrEqual(5);
  expect((await answers.next()).done).toBe(true);
});

test('whoever asks for no more leaves nothing under way', async () => {
  let [begun, ended] = [0, 0];
  const answers = concurrentMap(Array(100).keys(), 4, async (n) => {
    begun += 1;
    await turn();
    await turn();
    ended += 1;
    return n;
  });
  for await (const answer of answers) if (answer === 2) break;
  expect(ended).toBe(begun);
  expect(begun).toBeLessThan(10);
});
