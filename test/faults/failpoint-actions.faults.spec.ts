/** What failpoints do beside killing: steps that fail, steps that take too long, processes that stand still and wake up. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { failpointSays } from '@daybook/infra/failpoints/failpoint.ts';
import type { FailpointName } from '@daybook/infra/failpoints/names.ts';
import { eventually } from '../support/eventually.ts';
import { startLoad, type Load } from '../support/load.ts';
import { leftBehind } from '../support/oracle-left-behind.ts';
import { judge, settled } from '../support/oracle.ts';
import { startSystem, type System } from '../support/system.ts';
import { mailsIn } from '../support/mails.ts';
import { openKillHouse, type KillHouse } from './kill-house.ts';

let house: KillHouse;
beforeAll(async () => {
  house = await openKillHouse();
}, 120_000);
afterAll(() => house.close(), 180_000);

let pages = 0;
const loads: Load[] = [];

function loadOn(system: System): Load {
  const page = (): string => `${house.shop.url}/products/harbour-mug?action=${String((pages += 1))}`;
  const load = startLoad({ person: house.personAt(system.addresses), page, pages: 3, persistent: true });
  loads.push(load);
  return load;
}

/** The failpoints at which a system has acted. */
function actedAt(system: System): readonly unknown[] {
  const lines = [...system.processes.values()].flatMap((one) => one.logLines());
  return lines.filter(({ message }) => message === failpointSays).map(({ failpoint }) => failpoint);
}

/** Keeps the load up until a system has acted at all of these. */
async function actsAt(system: System, names: readonly FailpointName[]): Promise<void> {
  await eventually(() => expect(new Set(actedAt(system))).toEqual(new Set(names)), { withinMs: 120_000 });
}

async function clean(databaseUrl: string, all: readonly Load[], systems: readonly System[]): Promise<void> {
  for (const load of all) {
    await load.stop();
    await load.repeat();
  }
  await settled(databaseUrl, 120_000);
  const outside = (await Promise.all(systems.map(({ folder }) => mailsIn(folder)))).flat();
  const output = systems.map((one) => one.output()).join('\n');
  expect(await judge({ databaseUrl, acked: all.flatMap((load) => load.acked()), outside, output })).toEqual(
    [],
  );
  await Promise.all(systems.map((one) => one.stop()));
  expect(await leftBehind(databaseUrl)).toEqual([]);
}

async function withDatabase(
  work: (databaseUrl: string, start: (failpoints: string) => Promise<System>) => Promise<void>,
): Promise<void> {
  const database = await house.newPlace('used', false);
  const systems: System[] = [];
  const start = async (FAILPOINTS: string): Promise<System> => {
    const env = { ...house.env, FAILPOINTS };
    const system = await startSystem({ mode: 'one process', databaseUrl: database.url, env });
    systems.push(system);
    return system;
  };
  try {
    await work(database.url, start);
  } finally {
    // What still stands still cannot stop.
    for (const one of systems.flatMap(({ processes }) => [...processes.values()])) one.signal('SIGCONT');
    await Promise.all(loads.splice(0).map((load) => load.stop()));
    for (const system of systems.toReversed()) await system.discard();
    await database.drop();
  }
}

/** Every loop fails at a step, once, as where its engine is away: it goes on by itself. */
const failing: readonly FailpointName[] = [
  'append.writing',
  'append.written',
  'idempotency.kept',
  'relay.encoded',
  'relay.sent',
  'projector.folded',
  'projector.written',
  'process.fenced',
  'process.committed',
  'dispatcher.leasing',
  'dispatcher.done',
  'topics.publishing',
  'topics.published',
  'topics.committing',
  'topics.synchronising',
  'scraper.queueing',
  'scraper.published',
  'scraper.settling',
];

test('a step that fails in every loop stops none of them, and loses and doubles nothing', async () => {
  await withDatabase(async (databaseUrl, start) => {
    const system = await start(failing.map((name) => `${name}:${hitOf(name)}:throw`).join());
    const load = loadOn(system);
    await actsAt(system, failing);
    await clean(databaseUrl, [load], [system]);
  });
}, 300_000);

/** Requests for pages come in few batches; of the rest something went well before. */
const hitOf = (name: FailpointName): string => (name.startsWith('scraper.') ? '1' : '3');

/** Each wait is longer than what others wait for: leases of members (5 s), of relays (5 s), of effects (20 s), of hosts (10 s). */
const slow: readonly [FailpointName, number][] = [
  ['append.sent', 2_000],
  ['relay.encoded', 7_000],
  ['projector.folded', 7_000],
  ['process.written', 3_000],
  ['topics.synchronising', 7_000],
  ['dispatcher.leased', 25_000],
  ['scraper.visited', 12_000],
];

test('steps slower than their leases lose and double nothing, with another process to take over', async () => {
  await withDatabase(async (databaseUrl, start) => {
    const system = await start(slow.map(([name, ms]) => `${name}:1:delay:${String(ms)}`).join());
    const load = loadOn(system);
    await actsAt(
      system,
      slow.map(([name]) => name),
    );
    const other = await start('');
    await load.acknowledged(load.acked().length + 20);
    await clean(databaseUrl, [load], [system, other]);
  });
}, 300_000);

test('K8: a process that stood still past its leases writes nothing of what it had in hand', async () => {
  await withDatabase(async (databaseUrl, start) => {
    const sleeper = await start('relay.encoded:4:stop');
    const other = await start('');
    const [up] = sleeper.processes.values();
    // Commands go to the one that stays awake, once the other leads nothing any more.
    const before = loadOn(sleeper);
    await actsAt(sleeper, ['relay.encoded']);
    const ledBy = await leader(databaseUrl);
    await eventually(async () => expect((await leader(databaseUrl)).epoch).toBeGreaterThan(ledBy.epoch), {
      withinMs: 60_000,
    });
    const meanwhile = loadOn(other);
    await meanwhile.acknowledged(20);
    // What goes on arriving is always under way somewhere.
    await meanwhile.stop();
    await settled(databaseUrl, 120_000);
    up?.signal('SIGCONT');
    await up?.said('The relay lost its lead.');
    const after = loadOn(other);
    await after.acknowledged(20);
    await clean(databaseUrl, [before, meanwhile, after], [sleeper, other]);
  });
}, 300_000);

async function leader(databaseUrl: string): Promise<Readonly<{ epoch: number }>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ epoch: number }>('select epoch::int as epoch from topics.relays');
    return rows[0] ?? { epoch: 0 };
  } finally {
    await client.end();
  }
}
