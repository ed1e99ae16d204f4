import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { tableName } from '@daybook/infra/runtime/sql-names.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import type { Person } from '../support/caller.ts';
import { startLoad } from '../support/load.ts';
import { leftBehind } from '../support/oracle-left-behind.ts';
import { judge, settled, type Acked } from '../support/oracle.ts';
import { openStage, pageOf, type Stage } from './stage.ts';

/** The oracle of the fault tests sees what it should: a system without faults passes, each kind of damage is named. */
const products = tableName(allProjections.find(({ name }) => name === 'products') as AnyProjection);
let stage: Stage;
let person: Person;
let acked: readonly Acked[];
let client: pg.Client;

beforeAll(async () => {
  stage = await openStage('one process');
  person = await stage.join();
  const page = (n: number): string => `${pageOf(stage.shop, 'harbour-mug')}?n=${String(n)}`;
  const load = startLoad({ person, page, pages: 3 });
  await load.acknowledged(12);
  await load.stop();
  acked = load.acked();
  await settled(stage.system.databaseUrl);
  client = new pg.Client({ connectionString: stage.system.databaseUrl });
  await client.connect();
  // What the tests damage stays damaged until they mend it: nothing else may write meanwhile.
  await client.query('set session_replication_role = replica');
}, 90_000);
afterAll(async () => {
  await client.end();
  await stage.close();
});

const verdict = (more: readonly Acked[] = [], outside: readonly string[] = []) =>
  judge({ databaseUrl: stage.system.databaseUrl, acked: [...acked, ...more], outside });

async function damaged(damage: string, mend: string): Promise<string> {
  await client.query(damage);
  const found = await verdict();
  await client.query(mend);
  return found.join('\n');
}

test('a system without faults passes', async () => {
  expect(await verdict()).toEqual([]);
});

test('1: an acknowledged command that is not there', async () => {
  const [first] = acked;
  if (first === undefined) throw new Error('Nothing was acknowledged.');
  expect((await verdict([{ ...first, position: '00000000000000099999' }])).join()).toContain('not stored');
});

test('2: a hole in a stream', async () => {
  const found = await damaged(
    `update log.events set revision = revision + 100 where type = 'ProductTracked'`,
    `update log.events set revision = revision - 100 where type = 'ProductTracked'`,
  );
  expect(found).toContain('goes from -1 to 100');
});

test('3: an event that was not published', async () => {
  const found = await damaged(
    `create table public.kept as select * from topics.messages where headers->>'ce_type' = 'ProductTracked';
     delete from topics.messages where headers->>'ce_type' = 'ProductTracked'`,
    `insert into topics.messages select * from public.kept; drop table public.kept`,
  );
  expect(found).toContain('not published: ProductTracked');
});

test('4: a read model that is not the fold, and a checkpoint that is elsewhere', async () => {
  expect(
    await damaged(
      `update ${products} set check_count = check_count + 1`,
      `update ${products} set check_count = check_count - 1`,
    ),
  ).toContain('products has');
  expect(
    await damaged(
      `create table public.kept as select * from runtime.checkpoints; update runtime.checkpoints set position = '0'`,
      `update runtime.checkpoints c set position = k.position from public.kept k
       where (k.consumer, k.version, k.partition) = (c.consumer, c.version, c.partition); drop table public.kept`,
    ),
  ).toContain('is at 0 of');
});

test('5: an effect that the outside accepted twice, and one that never came', async () => {
  expect((await verdict([], ['mail-1', 'mail-1'])).join()).toContain('accepted 2 times');
  const found = await damaged(
    `update log.events set data = replace(data::text, '"requestId":"', '"requestId":"x')::json where type = 'PriceObserved'`,
    `update log.events set data = replace(data::text, '"requestId":"x', '"requestId":"')::json where type = 'PriceObserved'`,
  );
  expect(found).toContain('was recorded 0 times');
});

test('6: a process in a state that the log does not lead to, one that is gone, and one too many', async () => {
  const instances = 'runtime.process_instances';
  const back = `truncate ${instances}; insert into ${instances} select * from public.kept; drop table public.kept`;
  const keep = `create table public.kept as select * from ${instances}`;
  expect(
    await damaged(`${keep}; update ${instances} set state = '{"product":null,"paused":true}'`, back),
  ).toContain('priceChecks is in another state than the log says');
  expect(await damaged(`${keep}; delete from ${instances} where process = 'priceChecks'`, back)).toContain(
    'priceChecks lost its instance',
  );
  expect(
    await damaged(
      `${keep}; update ${instances} set tenant_id = 'nobody' where process = 'priceChecks'`,
      back,
    ),
  ).toContain('which the log has not');
});

test('6: a timer that is lost, one too many, one that did not fire, and one that fired in vain', async () => {
  const back =
    'truncate runtime.timers; insert into runtime.timers select * from public.kept; drop table public.kept';
  const keep = 'create table public.kept as select * from runtime.timers';
  expect(await damaged(`${keep}; delete from runtime.timers`, back)).toContain(
    'priceChecks lost timer check',
  );
  expect(await damaged(`${keep}; update runtime.timers set timer = 'other'`, back)).toContain(
    'priceChecks has timer other',
  );
  expect(
    await damaged(
      `${keep}; update runtime.timers set metadata = jsonb_set(metadata, '{causationId}', '"gone"')`,
      back,
    ),
  ).toContain('not published');
  // Far from now, so that nothing fires while the oracle looks.
  expect(
    await damaged(
      `${keep}; update runtime.timers set fire_at = now() - interval '1 hour', process = 'nobody';
       insert into runtime.timers select * from public.kept;
       update runtime.timers set reason = 'parked', fire_at = now() - interval '1 hour' where process = 'priceChecks'`,
      back,
    ),
  ).toContain('priceChecks did not fire timer check');
});

test('6: a message that a process asked for, and that is not there', async () => {
  const found = await damaged(
    `create table public.kept as select * from topics.messages where headers->>'ce_type' = 'ScrapeRequested';
     delete from topics.messages where headers->>'ce_type' = 'ScrapeRequested'`,
    `insert into topics.messages select * from public.kept; drop table public.kept`,
  );
  expect(found).toContain('priceChecks of');
  expect(found).toContain('not published');
});

test('8: what was planted, in a table, as bytes, and in what a process wrote', async () => {
  const { databaseUrl } = stage.system;
  const planted = { 'an address': person.email };
  expect(await judge({ databaseUrl, acked, planted, output: stage.system.output() })).toEqual([]);
  await client.query('create table public.leak (letter text, bytes bytea)');
  await client.query('insert into public.leak values ($1, null)', [person.email]);
  const readable = ['an address is readable in public.leak'];
  expect(await judge({ databaseUrl, acked, planted })).toEqual(readable);
  await client.query('update public.leak set letter = null, bytes = $1', [Buffer.from(`x${person.email}x`)]);
  expect(await judge({ databaseUrl, acked, planted })).toEqual(readable);
  await client.query('drop table public.leak');
  expect(await judge({ databaseUrl, acked, planted, output: `to ${person.email}` })).toEqual([
    'an address stands in the log of a process',
  ]);
});

test('8: what a system that has not stopped still holds', async () => {
  await client.query(`select pg_advisory_lock(1); create temporary table left_over (n integer)`);
  const held = (await leftBehind(stage.system.databaseUrl, 0)).join();
  await client.query('select pg_advisory_unlock(1); drop table left_over');
  for (const one of [
    'connection of daybook',
    'advisory lock',
    'temporary table left_over',
    'lead of relay',
    'member of',
  ]) {
    expect(held).toContain(one);
  }
});

test('what was damaged is mended: the system passes', async () => {
  expect(await verdict()).toEqual([]);
});
