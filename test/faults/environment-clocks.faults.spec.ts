import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { checked, productOf, track } from '../e2e/stage.ts';
import { eventually } from '../support/eventually.ts';
import { goesOn, isReady, openArena, type Arena } from './arena.ts';
import { oddClock, type OddClock } from './odd-clocks.ts';

const [minute, day] = [60_000, 86_400_000];
const services = ['command-service', 'query-service', 'projectors', 'sagas', 'scrapers'] as const;

describe('clocks and event loops of processes', () => {
  let folder: string;
  let arena: Arena;
  let clocks: Readonly<Record<(typeof services)[number], OddClock>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daybook-clocks-'));
    const made = services.map((name) => [name, oddClock(folder, name)] as const);
    clocks = Object.fromEntries(made) as typeof clocks;
    const envOf = Object.fromEntries(made.map(([name, { env }]) => [name, env]));
    arena = await openArena({ mode: 'five processes', envOf });
  }, 180_000);
  afterAll(async () => {
    await arena.close();
    await rm(folder, { recursive: true, force: true });
  }, 180_000);

  const allRight = (): void => {
    for (const name of services) clocks[name].set(0);
  };

  test.each([
    [
      'projectors five minutes ahead, scrapers five behind',
      { projectors: 5 * minute, scrapers: -5 * minute },
    ],
    ['projectors a day behind, scrapers a day ahead', { projectors: -day, scrapers: day }],
    ['all within what tokens and signatures allow', { 'command-service': 20_000, sagas: -20_000 }],
  ] as const)(
    '%s: nothing is lost, nothing comes twice',
    async (_, shifts) => {
      const load = arena.load();
      await goesOn(load, 10);
      for (const [name, shift] of Object.entries(shifts)) clocks[name as keyof typeof clocks].set(shift);
      await goesOn(load, 40);
      await arena.clean();
      expect(load.failures()).toEqual([]);
      allRight();
    },
    240_000,
  );

  test('timers and schedules go by the database: a process a day ahead, then a day behind, checks nothing twice', async () => {
    const { person, shop } = arena;
    const id = await track(person, shop.listing('lisbon-chair').url, {
      schedule: { cron: '0 6 * * *', timeZone: 'UTC' },
    });
    await checked(person, id, 'price', 60_000);
    const planned = (await productOf(person, id)).nextCheckAt;
    const before = await timersOf(arena);
    const load = arena.load();
    for (const shift of [day, -day, 5 * minute]) {
      clocks.sagas.set(shift);
      clocks.projectors.set(-shift);
      await goesOn(load, 30);
    }
    allRight();
    await arena.clean();
    expect((await timersOf(arena)).filter(({ instance }) => instance === id)).toEqual(
      before.filter(({ instance }) => instance === id),
    );
    expect((await productOf(person, id)).nextCheckAt).toBe(planned);
    const observed = await eventsOf(arena, id, ['PriceObserved', 'CheckFailed']);
    expect(observed).toBe(1);
  }, 240_000);

  test('sagas whose clock is off are refused as strangers: they wait, give nothing up, and go on once it is right', async () => {
    const load = arena.load({ pages: 2 });
    await goesOn(load, 10);
    clocks.sagas.set(5 * minute);
    const refused = (): boolean =>
      arena.system.processes
        .get('sagas')
        ?.logLines()
        .some(({ message }) => message === 'An effect failed and is tried again later.') ?? false;
    const id = await track(arena.person, arena.shop.listing('brooklyn-bottle').url);
    await eventually(() => expect(refused()).toBe(true), { withinMs: 30_000 });
    allRight();
    await checked(arena.person, id, 'price', 90_000);
    await arena.clean();
  }, 240_000);

  test('tokens: half a minute of difference is allowed; beyond their life they are refused, not misread', async () => {
    const { person } = arena;
    const asked = async (): Promise<number> => (await person.call('GET', '/v1/market/overview')).status;
    clocks['query-service'].set(25_000);
    expect(await eventually(asked)).toBe(200);
    clocks['query-service'].set(day);
    await eventually(async () => expect(await asked()).toBe(401), { withinMs: 60_000 });
    clocks['query-service'].set(-day);
    await eventually(async () => expect([200, 401]).toContain(await asked()));
    allRight();
    await eventually(async () => expect(await asked()).toBe(200), { withinMs: 60_000 });
    await isReady(arena.system);
  }, 120_000);

  test('event loops that stand still for 200 ms every second: leases hold, nothing is lost or doubled', async () => {
    for (const name of services) clocks[name].stall(200);
    const load = arena.load();
    await goesOn(load, 30);
    for (const name of services) clocks[name].stall(0);
    expect(load.failures()).toEqual([]);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);

  async function timersOf({ system }: Arena): Promise<readonly { instance: string; due: string }[]> {
    return rowsOf(
      system.databaseUrl,
      'select instance_id as instance, due_at::text as due from runtime.timers order by 1, 2',
      [],
    );
  }
});

async function eventsOf({ system }: Arena, productId: string, types: readonly string[]): Promise<number> {
  const rows = await rowsOf<{ count: number }>(
    system.databaseUrl,
    'select count(*)::integer as count from log.events where stream = $1 and type = any($2)',
    [`product-${productId}`, types],
  );
  return rows[0]?.count ?? 0;
}

async function rowsOf<Row extends object>(
  url: string,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
