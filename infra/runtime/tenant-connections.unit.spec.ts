import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { tenantConnections } from './tenant-connections.ts';

test('where no connection can be had, everybody who waits hears of the first failures', async () => {
  const refusals: (() => void)[] = [];
  const connect = (): Promise<never> =>
    new Promise((_, reject) => {
      refusals.push(() => {
        reject(new Error('timeout exceeded when trying to connect'));
      });
    });
  const connections = tenantConnections({ options: { max: 10 }, connect } as unknown as pg.Pool);
  const statement = { text: 'select 1', values: [] };
  const answers = Promise.allSettled(Array.from({ length: 500 }, () => connections.run('a', statement)));
  expect(refusals).toHaveLength(3);
  for (const refuse of refusals) refuse();
  const outcomes = await answers;
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  expect(refusals).toHaveLength(3);
});
