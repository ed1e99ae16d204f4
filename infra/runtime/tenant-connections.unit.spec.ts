import { afterEach, expect, jest, test } from '@jest/globals';
import type pg from 'pg';
import { tenantConnections } from './tenant-connections.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

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

test('a connection that does not come keeps nobody from others while one that came later is held up', async () => {
  const answer = Promise.withResolvers<pg.QueryArrayResult>();
  const connections: PromiseWithResolvers<unknown>[] = [];
  const clock = jest.spyOn(performance, 'now').mockReturnValue(0);
  let looks = 0;
  const pool = {
    options: {
      get max() {
        // A look that waits for nothing would keep the process to itself.
        if ((looks += 1) > 1_000) throw new Error('It looks without end.');
        return 2;
      },
    },
    connect: () => {
      const connection = Promise.withResolvers();
      connections.push(connection);
      return connection.promise;
    },
  } as unknown as pg.Pool;
  const client = {
    on: () => undefined,
    connection: { stream: { cork: () => undefined, uncork: () => undefined } },
    query: () => answer.promise,
  };
  const { run } = tenantConnections(pool);
  const statement = { text: 'select 1', values: [] };
  const answers = [run('a', statement), run('a', statement)];
  connections[1]?.resolve(client);
  await new Promise(setImmediate);
  // Longer than a lane may be without an answer.
  clock.mockReturnValue(1_000);
  answers.push(run('a', statement));
  await new Promise(setImmediate);
  connections[0]?.resolve(client);
  answer.resolve({ rows: [] } as unknown as pg.QueryArrayResult);
  expect(await Promise.all(answers)).toHaveLength(3);
});
