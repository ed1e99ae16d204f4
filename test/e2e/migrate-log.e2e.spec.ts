import { afterEach, expect, test } from '@jest/globals';
import { startStandIn } from '../fakes/event-store-db/server.ts';
import { callerOf, must, signUp, type Person } from '../support/caller.ts';
import { mailsIn } from '../support/mails.ts';
import { startMoving } from '../support/moving.ts';
import type { Acked } from '../support/oracle.ts';
import { runDaybook } from '../support/processes.ts';
import type { System } from '../support/system.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
}, 60_000);

/** What a person sees of theirs, without positions. */
async function seen(person: Person): Promise<object> {
  type Items = { items: readonly Record<string, unknown>[] };
  const products = must(await person.call('GET', '/v1/market/products'), 200) as Items;
  const events = must(await person.call('GET', '/v1/events?limit=100&order=oldest'), 200) as Items;
  return { products, events: events.items.map(({ position: _, ...event }) => event) };
}

test('a log is moved to EventStoreDB (stand-in) and back, and everything goes on', async () => {
  const server = await startStandIn();
  closing.push(() => server.stop());
  const onServer = { EVENTSTORE_URL: server.url };
  const { first, folder, person, start, work, findings } = await startMoving({}, { seed: 3, closing });
  const inFolder = { DAYBOOK_DATA: folder };
  const whole = async (system: System, acked: readonly Acked[], env = {}): Promise<void> => {
    expect(await findings(system, env, acked)).toEqual([]);
  };

  const load = await work();
  const ackedFirst = load.acked();
  await whole(first, ackedFirst);
  const there = ['migrate-log', '--from', 'postgresql', '--to', server.url];
  expect((await runDaybook(there, inFolder)).says).toContain('is running in');
  const before = await seen(person);
  const mails = await mailsIn(folder);
  await first.stop();

  const moved = await runDaybook(there, inFolder);
  expect(moved).toMatchObject({ code: 0, says: expect.stringMatching(/SHA-256 of them: [0-9a-f]{64}/) });
  // Its former log is nobody's any more.
  expect((await runDaybook(['up', '--port', '0'], inFolder)).says).toContain('consumers of another log');
  const second = await start(onServer);
  await whole(second, [], onServer);
  expect(await seen(person)).toEqual(before);
  expect(await mailsIn(folder)).toEqual(mails);
  // What was done before is not done again, whoever repeats it.
  await load.repeat();
  expect(await seen(person)).toEqual(before);
  const ackedThere = (await work()).acked();
  await signUp(callerOf(first.addresses));
  await whole(second, ackedThere, onServer);
  // This time it dies in the middle of its work.
  const cutOff = await work(() => second.kill());

  const back = await runDaybook(['migrate-log', '--from', 'eventstoredb', '--to', 'postgresql'], {
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
