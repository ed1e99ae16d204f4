import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runningEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { modes } from '../support/system.ts';
import { goesOn, isReady, onlyPassing, openArena, type Arena } from './arena.ts';
import { outageIsTold, watchOutage } from './outage.ts';
import { endServer, hangServer, postmasterOf } from './server.ts';

describe.each(modes)('PostgreSQL in %s', (mode) => {
  let arena: Arena;
  beforeAll(async () => {
    arena = await openArena({ mode, env: { DB_STATEMENT_TIMEOUT: '3s' } });
  }, 180_000);
  afterAll(() => arena.close(), 180_000);

  test('killed under load: refusals say when to come back, and nothing acknowledged is lost', async () => {
    const { system, person } = arena;
    const load = arena.load();
    await goesOn(load);
    const watch = watchOutage(person, system);
    await watch.seen(5);
    await endServer(system.folder, 'SIGKILL');
    await goesOn(load, 40);
    outageIsTold(await watch.stop());
    onlyPassing(load);
    await arena.clean();
    await isReady(system);
  }, 240_000);

  test('stopped at once (immediate shutdown) it loses nothing', async () => {
    const load = arena.load();
    await goesOn(load);
    await endServer(arena.system.folder, 'SIGQUIT');
    await goesOn(load, 40);
    onlyPassing(load);
    await arena.clean();
  }, 240_000);

  test('restarted in a loop it loses nothing, and pools recover alone', async () => {
    const { folder } = arena.system;
    const load = arena.load();
    await goesOn(load);
    for (let round = 1; round <= 4; round += 1) {
      const pid = await postmasterOf(folder);
      await endServer(folder, round % 2 === 0 ? 'SIGKILL' : 'SIGQUIT');
      await eventually(
        async () => {
          expect(await runningEmbeddedPostgres(join(folder, 'postgres'))).toBeDefined();
          expect(await postmasterOf(folder)).not.toBe(pid);
        },
        { withinMs: 60_000 },
      );
    }
    await goesOn(load);
    onlyPassing(load);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);

  test('hanging, it is given up after the longest statement; callers hear of it, and all goes on behind it', async () => {
    const { system, person } = arena;
    const load = arena.load();
    await goesOn(load);
    const goOn = await hangServer(system.folder);
    const began = performance.now();
    try {
      // Health and queries answer within their own limits, commands within twice the longest statement.
      await eventually(
        async () => {
          const answer = await person.call('GET', '/v1/market/overview');
          expect([503, 504]).toContain(answer.status);
        },
        { withinMs: 30_000 },
      );
      await eventually(() => expect(load.failures().length).toBeGreaterThanOrEqual(4), { withinMs: 30_000 });
      expect(performance.now() - began).toBeLessThan(25_000);
    } finally {
      goOn();
    }
    await goesOn(load);
    onlyPassing(load);
    await arena.clean();
    await isReady(system);
  }, 240_000);
});
