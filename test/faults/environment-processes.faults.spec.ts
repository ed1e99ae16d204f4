import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { openShop } from '@daybook/cli/demo/shop/shop.ts';
import { callerOf, signUp, type Caller } from '../support/caller.ts';
import { persistently, startLoad } from '../support/load.ts';
import { judge, settled } from '../support/oracle.ts';
import { modes, startSystem } from '../support/system.ts';
import { elsewhere, goesOn, isReady, openArena, type Arena } from './arena.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
}, 180_000);

const services = ['sagas', 'scrapers', 'projectors', 'query-service', 'command-service'] as const;

async function arenaOf(options: Parameters<typeof openArena>[0]): Promise<Arena> {
  const arena = await openArena(options);
  open.push(arena.close);
  return arena;
}

describe.each(modes)('processes, %s', (mode) => {
  test('kill -9 of everything under load loses and doubles nothing', async () => {
    const shop = await openShop({ seed: 3, slowMs: 50 });
    open.push(shop.close);
    const env = { OUTBOUND_ALLOW_HOSTS: shop.host };
    const first = await startSystem({ mode, env });
    open.push(first.discard);
    const person = await signUp(callerOf(first.addresses));
    const page = (n: number): string => `${shop.url}/products/harbour-mug?n=${String(n)}`;
    const load = startLoad({ person, page, pages: 6 });
    await goesOn(load, 60);
    await first.kill();
    await load.stop();
    const second = await startSystem({ mode, env, folder: first.folder, addresses: first.addresses });
    open.push(second.discard);
    await load.repeat();
    await settled(second.databaseUrl, 120_000);
    expect(await judge({ databaseUrl: second.databaseUrl, acked: load.acked() })).toEqual([]);
  }, 240_000);
});

describe('processes, one after the other', () => {
  test('kill -9 of each under load, while the others go on, loses and doubles nothing', async () => {
    const arena = await arenaOf({ mode: 'five processes' });
    const load = arena.load();
    for (const name of services) {
      await goesOn(load);
      await arena.system.killAndRestart(name);
    }
    await goesOn(load);
    await arena.clean();
  }, 240_000);
});

describe('two of every service on one database', () => {
  let arena: Arena;
  let other: Caller;
  beforeAll(async () => {
    arena = await openArena({ mode: 'five processes', twice: true });
    other = elsewhere(arena.person, arena.system.others ?? arena.system.addresses);
  }, 120_000);
  afterAll(() => arena.close(), 180_000);

  test('kill -9 of one of each at once: the others take over, and clients that retry notice nothing', async () => {
    const { system, person } = arena;
    const load = arena.load({ persistent: true, elsewhere: other });
    const second = arena.load({
      person: { ...person, call: other },
      persistent: true,
      elsewhere: person.call,
    });
    await goesOn(load);
    await goesOn(second);
    await Promise.all(services.map((name) => system.killAndRestart(`${name}${evenly(name)}`)));
    await goesOn(load, 40);
    await goesOn(second, 40);
    await Promise.all([load.stop(), second.stop()]);
    expect([...load.failures(), ...second.failures()]).toEqual([]);
    await arena.clean();
    await isReady(system);
  }, 300_000);

  test('a rolling restart of every service under load: no 5xx for a client that retries, each ends with 0', async () => {
    const { system, person } = arena;
    const load = arena.load({ persistent: true, elsewhere: other });
    const reader = keepReading((turn) =>
      (turn % 2 === 1 ? other : person.call)('GET', '/v1/market/overview'),
    );
    // The first of each, then the second: one of a kind is always there.
    for (const number of ['', ' 2']) {
      await goesOn(load, 10);
      const codes = services.map((name) => system.stopAndRestart(name + number));
      expect(new Set(await Promise.all(codes))).toEqual(new Set([0]));
    }
    await goesOn(load);
    expect(await reader.stop()).toEqual([]);
    expect(load.failures()).toEqual([]);
    await arena.clean();
    await isReady(system);
  }, 300_000);
});

/** Which of the two dies: now the first, now the second. */
function evenly(name: (typeof services)[number]): '' | ' 2' {
  return services.indexOf(name) % 2 === 0 ? '' : ' 2';
}

/** Reads without pause, as a client that retries; answers at the end with what was no success. */
function keepReading(
  ask: Parameters<typeof persistently>[0],
): Readonly<{ stop: () => Promise<readonly unknown[]> }> {
  const failures: unknown[] = [];
  const stopping = new AbortController();
  const reading = (async () => {
    while (!stopping.signal.aborted) {
      const answer = await persistently(ask).catch((error: unknown) => error as Error);
      if (answer instanceof Error) failures.push(answer.message);
      else if (answer.status !== 200) failures.push(answer.status);
      await new Promise((wake) => setTimeout(wake, 10));
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await reading;
      return failures;
    },
  };
}
