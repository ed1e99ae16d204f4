import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { goesOn, hardlyRefused, isReady, onlyPassing, openArena, type Arena } from './arena.ts';
import { startServer, type Server } from './server.ts';

/** A system whose only way to PostgreSQL is a proxy. */
describe('the network to PostgreSQL', () => {
  let server: Server;
  let proxy: Proxy;
  let arena: Arena;
  beforeAll(async () => {
    server = await startServer();
    proxy = await startProxy(server.url);
    arena = await openArena({
      databaseUrl: proxy.url,
      judgedUrl: server.url,
      env: { DB_STATEMENT_TIMEOUT: '2s' },
    });
  }, 180_000);
  afterAll(async () => {
    await arena.close();
    await proxy.close();
    await server.stop();
  }, 180_000);

  test.each([
    ['the append of events', /log\.append\(/, 10],
    ['COMMIT, of any transaction', /^commit$/i, 20],
    ['a claim on an idempotency key', /runtime\.idempotent_requests/, 10],
    ['the publishing of a page of the log', /topics\.forward\(/, 5],
    ['the progress of a consumer', /topics\.commit\(/, 5],
    ['the outcome of effects', /runtime\.effects/, 10],
  ])(
    'the answer to %s is lost, and a repeat finds what was done',
    async (_, statement, times) => {
      const load = arena.load();
      await goesOn(load);
      const before = proxy.lost();
      proxy.loseAnswer(statement, times);
      await eventually(() => expect(proxy.lost()).toBeGreaterThanOrEqual(before + Math.min(times, 3)), {
        withinMs: 60_000,
      });
      proxy.loseAnswer(statement, 0);
      await goesOn(load);
      onlyPassing(load);
      await arena.clean();
    },
    240_000,
  );

  test('a slow network slows, and loses nothing', async () => {
    const load = arena.load();
    await goesOn(load);
    proxy.delay(40);
    await goesOn(load);
    proxy.delay(0);
    await goesOn(load);
    hardlyRefused(load);
    await arena.clean();
  }, 240_000);

  test('connections reset over and over are opened anew', async () => {
    const load = arena.load();
    for (let round = 1; round <= 5; round += 1) {
      await goesOn(load, 10);
      proxy.reset();
    }
    await goesOn(load);
    onlyPassing(load);
    await arena.clean();
  }, 240_000);

  test('a network that swallows everything is noticed, told, and left behind', async () => {
    const load = arena.load();
    await goesOn(load);
    proxy.turn('silent');
    try {
      await eventually(() => expect(load.failures().length).toBeGreaterThanOrEqual(4), { withinMs: 30_000 });
      await eventually(
        async () =>
          expect((await arena.person.call('GET', '/v1/market/overview')).status).toBeGreaterThan(499),
        { withinMs: 20_000 },
      );
    } finally {
      proxy.turn('clear');
    }
    await goesOn(load);
    onlyPassing(load);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);

  test('a server that cannot be reached for a while is waited for', async () => {
    const load = arena.load();
    await goesOn(load);
    proxy.turn('down');
    await eventually(() => expect(load.failures().length).toBeGreaterThanOrEqual(20), { withinMs: 30_000 });
    proxy.turn('clear');
    await goesOn(load);
    onlyPassing(load);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);
});
