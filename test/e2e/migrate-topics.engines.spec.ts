import { afterEach, expect, test } from '@jest/globals';
import { openShop } from '@daybook/cli/demo/shop/shop.ts';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { startKafka } from '../engines/kafka.ts';
import { mailsIn } from '../faults/kill-house.ts';
import { callerOf, signUp } from '../support/caller.ts';
import { startLoad } from '../support/load.ts';
import { judge, requestsOnTopic, settled, type Acked } from '../support/oracle.ts';
import { plantedOf } from '../support/oracle-secrets.ts';
import { startDaybook } from '../support/processes.ts';
import { startSystem, type System } from '../support/system.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
}, 60_000);

async function daybook(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Readonly<{ code: number | string; says: string }>> {
  const command = startDaybook(args, env);
  const code = await command.ended;
  return { code, says: command.output() };
}

describeWithEngines('an installation whose topics move', ['registry'], (registry) => {
  test('begins in PostgreSQL, goes on in Kafka, and comes back', async () => {
    const shop = await openShop({ seed: 5, slowMs: 50, elapsedMs: () => 0 });
    const kafka = await startKafka();
    closing.push(() => kafka.stop(), shop.close);
    const onKafka = { KAFKA_BROKERS: kafka.url, SCHEMA_REGISTRY_URL: registry };
    const first = await start({}, {});
    const { folder, addresses } = first;
    const there = { DAYBOOK_DATA: folder, ...onKafka };
    const person = await signUp(callerOf(addresses));
    const acked: Acked[] = [];
    /** Requests that were made, and taken in, where the topics were before. */
    const earlier: string[] = [];

    async function start(
      env: Readonly<Record<string, string>>,
      again: Partial<Parameters<typeof startSystem>[0]> = { folder, addresses },
    ): Promise<System> {
      const allowed = { OUTBOUND_ALLOW_HOSTS: shop.host, ...env };
      const system = await startSystem({ mode: 'one process', env: allowed, ...again });
      closing.push(system.discard);
      return system;
    }

    async function work(): Promise<void> {
      const page = (n: number): string => `${shop.url}/products/harbour-mug?n=${String(n)}`;
      const load = startLoad({ person, page, pages: 4 });
      await load.acknowledged(30);
      await load.stop();
      acked.push(...load.acked());
    }

    async function whole(system: System, env: Readonly<Record<string, string>> = {}): Promise<void> {
      await settled(system.databaseUrl, 90_000, env);
      const { databaseUrl } = system;
      const found = await judge({
        databaseUrl,
        env,
        acked,
        outside: await mailsIn(folder),
        planted: plantedOf(person),
        output: system.output(),
        republished: system !== first,
      });
      const ofEarlier = (finding: string): boolean =>
        finding.endsWith(': not published') && earlier.some((id) => finding.includes(id));
      expect(found.filter((finding) => !ofEarlier(finding))).toEqual([]);
      earlier.push(...(await requestsOnTopic(databaseUrl, env)));
      expect(earlier.length).toBeGreaterThan(0);
    }

    await work();
    await whole(first);
    expect((await daybook(['migrate-topics', '--to', 'kafka'], there)).says).toContain('is running');
    await first.stop();
    const moved = await daybook(['migrate-topics', '--to', 'kafka'], there);
    expect(moved).toMatchObject({ code: 0, says: expect.stringContaining('Start it with KAFKA_BROKERS') });
    const local = await daybook(['up', '--port', '0'], { DAYBOOK_DATA: folder });
    expect(local.says).toContain('in the Kafka cluster');

    const second = await start(onKafka);
    await work();
    await settled(second.databaseUrl, 90_000, onKafka);
    expect(await daybook(['republish'], there)).toMatchObject({ code: 0 });
    expect((await daybook(['verify', 'topics'], there)).says).toContain('Nothing is missing.');
    await whole(second, onKafka);
    await second.stop();

    expect(await daybook(['migrate-topics', '--to', 'postgresql'], there)).toMatchObject({ code: 0 });
    const third = await start({});
    await work();
    await settled(third.databaseUrl, 90_000);
    expect(await daybook(['republish'], { DAYBOOK_DATA: folder })).toMatchObject({ code: 0 });
    await whole(third);
  }, 300_000);
});
