/** A broker that goes away, stands still, is slow, or cuts its connections: commands go on, and nothing is lost or doubled. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { must } from '../support/caller.ts';
import { goesOn, isReady } from './arena.ts';
import { openKafkaArena, type KafkaArena } from './kafka-arena.ts';
import { isCurrent } from './two-tenants.ts';

describeWithEngines('a broker under a running system', ['kafka', 'registry'], (_, registry = '') => {
  let arena: KafkaArena;
  beforeAll(async () => {
    arena = await openKafkaArena(registry);
  }, 240_000);
  afterAll(() => arena.close(), 60_000);

  test('it is killed in the middle of a batch and starts again', async () => {
    const load = arena.load();
    await goesOn(load);
    await arena.broker.kill();
    await goesOn(load, 40);
    await arena.broker.restart();
    await goesOn(load);
    expect(load.failures()).toEqual([]);
    await isCurrent(arena.person, load);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);

  test('connections are reset over and over, also in the middle of a batch', async () => {
    const load = arena.load();
    for (let round = 0; round < 8; round += 1) {
      await goesOn(load, 10);
      arena.network.reset();
    }
    await isCurrent(arena.person, load);
    expect(load.failures()).toEqual([]);
    await arena.clean();
  }, 240_000);

  test('it is slow: commands are not, and what is derived follows', async () => {
    const load = arena.load();
    await goesOn(load);
    arena.network.delay(150);
    await goesOn(load, 40);
    await isCurrent(arena.person, load);
    arena.network.delay(0);
    expect(load.failures()).toEqual([]);
    await arena.clean();
  }, 240_000);

  test('it does not answer for a minute: commands go on, readiness tells, and the backlog is taken in', async () => {
    const load = arena.load();
    await goesOn(load);
    arena.broker.pause();
    try {
      const away = performance.now();
      while (performance.now() - away < 60_000) await goesOn(load, 10);
      const { body } = await arena.person.call('GET', '/readyz');
      expect(JSON.stringify(body)).toMatch(/behind/);
    } finally {
      arena.broker.resume();
    }
    await goesOn(load);
    expect(load.failures()).toEqual([]);
    await isCurrent(arena.person, load);
    must(await arena.person.call('GET', '/v1/market/overview'), 200);
    await arena.clean();
    await isReady(arena.system);
  }, 300_000);
});
