import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { openShop } from '@daybook/cli/demo/shop/shop.ts';
import { startStandIn } from '../fakes/event-store-db/server.ts';
import { callerOf, must, signUp, type Person } from '../support/caller.ts';
import { startLoad, type Load } from '../support/load.ts';
import { plantedOf } from '../support/oracle-secrets.ts';
import { judge, settled, type Acked } from '../support/oracle.ts';
import { startDaybook } from '../support/processes.ts';
import { startSystem, type System } from '../support/system.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
}, 60_000);

type Ended = Readonly<{ code: number | string; says: string }>;

async function daybook(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const command = startDaybook(args, env);
  const code = await command.ended;
  return { code, says: command.output() };
}

/** Mails handed over, one name each: the file name stands for the effect's id. */
async function mailsIn(folder: string): Promise<readonly string[]> {
  const index = await readFile(join(folder, 'mailbox', 'index.txt'), 'utf8');
  return [...index.matchAll(/\S+\.eml/g)].map(([name]) => name);
}

/** What a person sees of theirs, without positions. */
async function seen(person: Person): Promise<object> {
  type Items = { items: readonly Record<string, unknown>[] };
  const products = must(await person.call('GET', '/v1/market/products'), 200) as Items;
  const events = must(await person.call('GET', '/v1/events?limit=100&order=oldest'), 200) as Items;
  return { products, events: events.items.map(({ position: _, ...event }) => event) };
}

test('a log is moved to EventStoreDB (stand-in) and back, and everything goes on', async () => {
  const shop = await openShop({ seed: 3, slowMs: 50, elapsedMs: () => 0 });
  const server = await startStandIn();
  closing.push(() => server.stop(), shop.close);
  const onServer = { EVENTSTORE_URL: server.url };
  const first = await start({}, {});
  const { folder, addresses } = first;
  const inFolder = { DAYBOOK_DATA: folder };
  const person = await signUp(callerOf(addresses));

  async function start(
    env: Readonly<Record<string, string>>,
    again: Partial<Parameters<typeof startSystem>[0]> = { folder, addresses },
  ): Promise<System> {
    const allowed = { OUTBOUND_ALLOW_HOSTS: shop.host, ...env };
    const system = await startSystem({ mode: 'one process', env: allowed, ...again });
    closing.push(system.discard);
    return system;
  }

  async function work(meanwhile: () => Promise<unknown> = () => Promise.resolve()): Promise<Load> {
    const page = (n: number): string => `${shop.url}/products/harbour-mug?n=${String(n)}`;
    const load = startLoad({ person, page, pages: 4 });
    await load.acknowledged(30);
    await meanwhile();
    await load.stop();
    return load;
  }

  async function whole(system: System, acked: readonly Acked[], url?: string): Promise<void> {
    const env = url === undefined ? {} : { EVENTSTORE_URL: url };
    await settled(system.databaseUrl, 90_000, env);
    const found = await judge({
      databaseUrl: system.databaseUrl,
      acked,
      outside: await mailsIn(folder),
      planted: plantedOf(person),
      output: system.output(),
      env,
    });
    expect(found).toEqual([]);
  }

  const load = await work();
  const ackedFirst = load.acked();
  await whole(first, ackedFirst);
  const there = ['migrate-log', '--from', 'postgresql', '--to', server.url];
  expect((await daybook(there, inFolder)).says).toContain('is running in');
  const before = await seen(person);
  const mails = await mailsIn(folder);
  await first.stop();

  const moved = await daybook(there, inFolder);
  expect(moved).toMatchObject({ code: 0, says: expect.stringMatching(/SHA-256 of them: [0-9a-f]{64}/) });
  // Its former log is nobody's any more.
  expect((await daybook(['up', '--port', '0'], inFolder)).says).toContain('consumers of another log');
  const second = await start(onServer);
  await whole(second, [], server.url);
  expect(await seen(person)).toEqual(before);
  expect(await mailsIn(folder)).toEqual(mails);
  // What was done before is not done again, whoever repeats it.
  await load.repeat();
  expect(await seen(person)).toEqual(before);
  const ackedThere = (await work()).acked();
  await signUp(callerOf(addresses));
  await whole(second, ackedThere, server.url);
  // This time it dies in the middle of its work.
  const cutOff = await work(() => second.kill());

  const back = await daybook(['migrate-log', '--from', 'eventstoredb', '--to', 'postgresql'], {
    ...inFolder,
    ...onServer,
  });
  expect(back).toMatchObject({ code: 0, says: expect.stringContaining('without EVENTSTORE_URL') });
  const third = await start({});
  await cutOff.repeat();
  await whole(third, ackedFirst);
  const ackedBack = (await work()).acked();
  await whole(third, [...ackedFirst, ...ackedBack]);
}, 300_000);
