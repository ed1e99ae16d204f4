import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Person } from '../support/caller.ts';
import { must } from '../support/caller.ts';
import { startLoad } from '../support/load.ts';
import { judge, settled } from '../support/oracle.ts';
import { startDaybook } from '../support/processes.ts';
import { openStage, pageOf, type Page, type Product, type Stage } from './stage.ts';

/** A read model is rebuilt and gone back from while five processes work: no reader sees half a model, or an older one. */
let stage: Stage;
let person: Person;

beforeAll(async () => {
  stage = await openStage('five processes');
  person = await stage.join();
}, 90_000);
afterAll(() => stage.close(), 60_000);

async function daybook(...args: readonly string[]): Promise<Readonly<{ code: unknown; said: string }>> {
  const { folder, databaseUrl } = stage.system;
  const one = startDaybook(args, { DAYBOOK_DATA: folder, DATABASE_URL: databaseUrl });
  const code = await one.ended;
  return { code, said: one.output() };
}

/** Lists products without pause; what one list shows the next one has too, at a position that is no lower. */
function watch(): () => Promise<number> {
  const over = new AbortController();
  const looking = (async () => {
    let [looks, seen, at] = [0, 0, ''];
    while (!over.signal.aborted) {
      const answer = await person.call('GET', '/v1/market/products?limit=100');
      const { items } = must(answer, 200) as Page<Product>;
      const position = answer.headers.get('daybook-position') ?? '';
      expect(items.length).toBeGreaterThanOrEqual(seen);
      expect(position >= at).toBe(true);
      [looks, seen, at] = [looks + 1, items.length, position];
    }
    return looks;
  })();
  looking.catch(() => undefined);
  return () => {
    over.abort();
    return looking;
  };
}

test('rebuilds and goes back under load', async () => {
  const page = (n: number): string => `${pageOf(stage.shop, 'harbour-mug')}?n=${String(n)}`;
  const load = startLoad({ person, page, pages: 20 });
  await load.acknowledged(20);
  const unwatch = watch();
  const rebuilt = await daybook('rebuild', 'products');
  expect(rebuilt).toMatchObject({ code: 0, said: expect.stringContaining('products shows the new tables.') });
  expect(rebuilt.said).toContain('0 rows added, 0 rows removed, 0 rows changed.');
  const beforeGoingBack = load.acked().length;
  await load.acknowledged(beforeGoingBack + 10);
  const back = await daybook('rollback', 'products');
  expect(back).toMatchObject({ code: 0, said: expect.stringContaining('went back from version') });
  await load.acknowledged(load.acked().length + 10);
  const dry = await daybook('rebuild', 'products', '--dry-run', '--share', '100');
  expect(dry).toMatchObject({ code: 0, said: expect.stringContaining('A dry run') });
  await load.stop();
  expect(load.failures()).toEqual([]);
  expect(await unwatch()).toBeGreaterThan(5);
  await settled(stage.system.databaseUrl);
  expect(await judge({ databaseUrl: stage.system.databaseUrl, acked: load.acked() })).toEqual([]);
}, 180_000);

test('says what makes no sense, and changes nothing', async () => {
  expect(await daybook('rebuild', 'produkts')).toMatchObject({
    code: 2,
    said: expect.stringContaining('There is no read model "produkts". Known: products'),
  });
  expect(await daybook('rollback', 'plans')).toMatchObject({
    code: 1,
    said: expect.stringContaining('there is nothing to go back to'),
  });
  expect(await daybook('rebuild', 'products', '--share', '0')).toMatchObject({ code: 2 });
}, 60_000);
