import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { eventually } from './eventually.ts';
import { freshDatabase } from './postgres.ts';
import { startProxy, type Proxy } from './proxy.ts';
import { silentLog } from './silent-log.ts';

let direct: Awaited<ReturnType<typeof freshDatabase>>;
let proxy: Proxy;
let database: Database;

beforeEach(async () => {
  direct = await freshDatabase();
  proxy = await startProxy(direct.url);
  database = openDatabase({ url: proxy.url, log: silentLog });
  await database.pool.query('create table kept (n int)');
});
afterEach(async () => {
  await database.close();
  await proxy.close();
  await direct.drop();
});

const insert = (n: number): Promise<void> =>
  database.transaction(async (client) => {
    await client.query({ name: 'insert', text: 'insert into kept values ($1)', values: [n] });
  });
const kept = async (): Promise<unknown[]> =>
  (await direct.database.pool.query<{ n: number }>('select n from kept order by n')).rows.map(({ n }) => n);

test('a commit whose answer is lost is done, and its outcome told as unknown', async () => {
  proxy.loseAnswer(/^commit/i, 1);
  await expect(insert(1)).rejects.toMatchObject({ code: 'timeout', retry: 'later' });
  expect(proxy.lost()).toBe(1);
  expect(await kept()).toEqual([1]);
  await insert(2);
  expect(await kept()).toEqual([1, 2]);
});

test('the answer of a prepared statement is lost as well', async () => {
  await insert(1);
  proxy.loseAnswer(/insert into kept/, 1);
  await expect(insert(2)).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
  expect(await kept()).toEqual([1]);
});

test('what is swallowed arrives when the weather clears, in order; delays change nothing but time', async () => {
  proxy.turn('silent');
  const waiting = insert(1);
  await eventually(async () => expect(await kept()).toEqual([]));
  proxy.turn('clear');
  await waiting;
  proxy.delay(20);
  const began = performance.now();
  await insert(2);
  expect(performance.now() - began).toBeGreaterThan(100);
  proxy.delay(0);
  await insert(3);
  expect(await kept()).toEqual([1, 2, 3]);
});

test('a reset and a refusal are unavailable, and pass', async () => {
  await insert(1);
  proxy.turn('down');
  await expect(insert(2)).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
  proxy.turn('clear');
  await insert(3);
  expect(await kept()).toEqual([1, 3]);
});
