import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { tooMany, tooManyAtOnce } from '@daybook/test/support/too-many-rows.ts';
import { hostQueue } from './host-queue.ts';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
beforeAll(async () => {
  fresh = await freshDatabase({ statementTimeoutMs: 2_000 });
});
afterAll(() => fresh.drop());

test('finished requests that are too many for one statement are all forgotten', async () => {
  const { database } = fresh;
  await tooManyAtOnce(database, 'scraping.requests');
  await database.pool.query(
    `insert into scraping.requests (request_id, host, message, finished_at)
     select gen_random_uuid(), 'shop.example', '{}', case when n > 0 then now() - n * interval '2 days' end
     from generate_series(0, $1::integer) n`,
    [2 * tooMany],
  );
  await hostQueue(database, crypto.randomUUID()).purge();
  const { rows } = await database.pool.query('select finished_at from scraping.requests');
  expect(rows).toEqual([{ finished_at: null }]);
});
