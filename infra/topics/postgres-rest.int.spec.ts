/** What consumers at rest ask of the database, and that they ask it together. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { GroupLedger } from './group-ledger.ts';
import { postgresTopicEngine } from './postgres-topics.ts';
import type { TopicEngine } from './topic-engine.ts';

const topic = 'things';
let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let engine: TopicEngine;
let statements: string[];

beforeEach(async () => {
  fresh = await freshDatabase();
  const { database } = fresh;
  statements = [];
  // The names of the statements that go to the server.
  const pool = new Proxy(database.pool, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (name === 'query') statements.push(String((args[0] as { name?: string }).name));
        return (value as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  engine = postgresTopicEngine({ database: { ...database, pool }, log: silentLog });
  await engine.ensure(topic, { partitions: 4 });
});
afterEach(async () => {
  await engine.close();
  await fresh.drop();
});

const join = async (group: string, leaseMs = 60_000): Promise<GroupLedger> => {
  const ledger = await engine.ledger(topic, group, { id: crypto.randomUUID(), instance: null, leaseMs });
  await ledger.sync(true);
  return ledger;
};

/** The state that holds while nobody comes or goes. */
async function settled(ledger: GroupLedger): Promise<GroupLedger> {
  await ledger.sync(false);
  expect(await ledger.renew?.()).toBe(true);
  return ledger;
}

test('renewing is one statement for all groups of a process, and keeps the lease', async () => {
  const ledgers = await Promise.all(['a', 'b', 'c'].map(async (group) => settled(await join(group))));
  await fresh.database.pool.query('update topics.members set expires_at = now()');
  statements = [];
  expect(await Promise.all(ledgers.map(async (ledger) => ledger.renew?.()))).toEqual([true, true, true]);
  expect(statements).toEqual(['topics.renew']);
  const { rows } = await fresh.database.pool.query('select from topics.members where expires_at > now()');
  expect(rows).toHaveLength(3);
});

test.each<[string, (group: string) => Promise<unknown>]>([
  ['somebody joined', (group) => join(group)],
  ['a partition is free', () => fresh.database.pool.query('update topics.cursors set owner = null')],
  ['the member counts as dead', () => fresh.database.pool.query('delete from topics.members')],
])('where %s a renewal is not enough', async (_, happens) => {
  const ledger = await settled(await join('a'));
  await happens('a');
  expect(await ledger.renew?.()).toBe(false);
});

test('where another one died a renewal is not enough, until its partitions are taken', async () => {
  const ledger = await join('a');
  await join('a', 600_000);
  await settled(ledger);
  await fresh.database.pool.query(
    `update topics.members set expires_at = now() - interval '1 second'
     where joined_at = (select max(joined_at) from topics.members)`,
  );
  expect(await ledger.renew?.()).toBe(false);
  expect((await ledger.sync(false)).held).toHaveLength(4);
  await settled(ledger);
});

test('looking for news is one statement for all groups of a process, and tells each its own', async () => {
  const [reader, other] = [await join('a'), await join('b')];
  const [message] = ['one'].map((text) => ({ key: text, value: Buffer.from(text), headers: {} }));
  if (message === undefined || reader.news === undefined || other.news === undefined)
    throw new Error('None.');
  const want = (from: number) => [0, 1, 2, 3].map((partition) => ({ partition, from, letters: true }));
  statements = [];
  expect(await Promise.all([reader.news(want(0)), other.news(want(0))])).toEqual([false, false]);
  expect(statements).toEqual(['topics.news']);
  await engine.publish(topic, [message]);
  expect(await Promise.all([reader.news(want(0)), other.news(want(1))])).toEqual([true, false]);
});

test('released letters are news to their group alone', async () => {
  const [reader, other] = [await join('a'), await join('b')];
  await engine.setAside(topic, 'a', [
    { id: crypto.randomUUID(), key: 'k', value: Buffer.from('x'), headers: {}, reason: 'failed: why' },
  ]);
  const wants = [0, 1, 2, 3].map((partition) => ({ partition, from: 0, letters: true }));
  expect(await reader.news?.(wants)).toBe(false);
  const [letter] = await engine.deadLetters(topic, 'a');
  await engine.release(letter?.id ?? 0);
  expect([await reader.news?.(wants), await other.news?.(wants)]).toEqual([true, false]);
});
