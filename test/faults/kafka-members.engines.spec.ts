/** Several systems on one Kafka, and a registry that is away: groups share what there is, and nothing is lost or doubled. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { failpointSays } from '@daybook/infra/failpoints/failpoint.ts';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { eventually } from '../support/eventually.ts';
import type { DaybookProcess } from '../support/processes.ts';
import { startSystem, type System } from '../support/system.ts';
import { goesOn, isReady } from './arena.ts';
import { openKafkaArena, type KafkaArena } from './kafka-arena.ts';
import { isCurrent } from './two-tenants.ts';

describeWithEngines('systems that share a Kafka', ['kafka', 'registry'], (_, registry = '') => {
  let arena: KafkaArena;
  beforeAll(async () => {
    arena = await openKafkaArena(registry);
  }, 240_000);
  afterAll(() => arena.close(), 60_000);

  const secondSystem = (more: Readonly<Record<string, string>> = {}): Promise<System> =>
    startSystem({
      mode: 'one process',
      databaseUrl: arena.databaseUrl,
      env: { ...arena.env, OUTBOUND_ALLOW_HOSTS: arena.shop.host, SCRAPER_BACK_OFF_MS: '100', ...more },
    });
  /** How many processes hold partitions of the events topic for a group. */
  const holders = async (): Promise<number> => {
    const { rows } = await arena.database.pool.query<{ count: string }>(
      `select count(distinct c.owner) from topics.cursors c where c.group_name like 'products.v%'`,
    );
    return Number(rows[0]?.count);
  };
  const shared = (count: number): Promise<void> =>
    eventually(async () => expect(await holders()).toBe(count), { withinMs: 60_000, everyMs: 100 });

  test('a second one comes under load, is killed, comes again and leaves: partitions go from hand to hand', async () => {
    const load = arena.load();
    await goesOn(load);
    const killed = await secondSystem();
    await shared(2);
    await goesOn(load);
    await killed.kill();
    await goesOn(load);
    await shared(1);
    await killed.discard();
    const leaving = await secondSystem();
    await shared(2);
    await goesOn(load);
    expect([...(await leaving.stop()).values()]).toEqual([0]);
    await leaving.discard();
    await shared(1);
    await goesOn(load);
    expect(load.failures()).toEqual([]);
    await arena.clean();
  }, 240_000);

  test('a leader of the relay that stands still before it publishes, and goes on when another leads, changes nothing', async () => {
    const load = arena.load({ persistent: true });
    await goesOn(load);
    const second = await secondSystem({ FAILPOINTS: 'relay.kept:6:stop' });
    const process = second.processes.get('up') as DaybookProcess;
    // It takes the lead while the first is not there.
    await arena.system.stopAndRestart('up');
    await process.said(failpointSays);
    await goesOn(load, 60);
    await isCurrent(arena.person, load);
    process.signal('SIGCONT');
    await process.said('The relay lost its lead.');
    await goesOn(load);
    await arena.clean();
    await second.stop();
    await second.discard();
  }, 240_000);

  test('while the registry is away what is known goes on; a start says that it is away, and comes once it is back', async () => {
    const load = arena.load({ persistent: true });
    await goesOn(load);
    arena.registryNetwork.turn('down');
    await goesOn(load);
    await isCurrent(arena.person, load);
    await expect(arena.system.killAndRestart('up')).rejects.toThrow('The schema registry is away.');
    arena.registryNetwork.turn('clear');
    await arena.system.killAndRestart('up');
    await goesOn(load);
    await isCurrent(arena.person, load);
    await arena.clean();
    await isReady(arena.system);
  }, 240_000);
});
