import { afterEach, expect, test } from '@jest/globals';
import { openShop } from '@daybook/cli/demo/shop/shop.ts';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { startKafka } from '../engines/kafka.ts';
import { startStandIn } from '../fakes/event-store-db/server.ts';
import { mailsIn } from '../faults/kill-house.ts';
import { callerOf, signUp } from '../support/caller.ts';
import { startLoad, type Load } from '../support/load.ts';
import { plantedOf } from '../support/oracle-secrets.ts';
import { judge, settled, type Acked } from '../support/oracle.ts';
import { startDaybook } from '../support/processes.ts';
import { startSystem, type System } from '../support/system.ts';

type Env = Readonly<Record<string, string>>;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
}, 60_000);

async function daybook(
  args: readonly string[],
  env: Env,
): Promise<Readonly<{ code: number | string; says: string }>> {
  const command = startDaybook(args, env);
  const code = await command.ended;
  return { code, says: command.output() };
}

describeWithEngines('an installation with topics on Kafka', ['registry'], (registry) => {
  test('moves its log to EventStoreDB (stand-in) and back, and goes on', async () => {
    const shop = await openShop({ seed: 7, slowMs: 50, elapsedMs: () => 0 });
    const [kafka, server] = await Promise.all([startKafka(), startStandIn()]);
    closing.push(
      () => kafka.stop(),
      () => server.stop(),
      shop.close,
    );
    const onKafka = { KAFKA_BROKERS: kafka.url, SCHEMA_REGISTRY_URL: registry };
    const onBoth = { ...onKafka, EVENTSTORE_URL: server.url };
    const first = await start(onKafka, {});
    const { folder, addresses } = first;
    const person = await signUp(callerOf(addresses));

    async function start(
      env: Env,
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

    async function whole(system: System, env: Env, acked: readonly Acked[]): Promise<void> {
      await settled(system.databaseUrl, 90_000, env);
      const { databaseUrl } = system;
      const [outside, planted] = [await mailsIn(folder), plantedOf(person)];
      const output = system.output();
      const republished = system !== first;
      const found = await judge({ databaseUrl, env, acked, outside, planted, output, republished });
      expect(found).toEqual([]);
    }

    const own = { DAYBOOK_DATA: folder, ...onBoth };
    const migrate = (from: string, to: string, more: Env = {}): ReturnType<typeof daybook> =>
      daybook(['migrate-log', '--from', from, '--to', to], { ...own, ...more });
    const verified = async (env: Env): Promise<void> => {
      const { code, says } = await daybook(['verify', 'topics'], { DAYBOOK_DATA: folder, ...env });
      expect({ code, says }).toMatchObject({ code: 0, says: expect.stringContaining('Nothing is missing.') });
      expect(says).not.toMatch(/repeats|foreign|behind a later one/);
    };

    await whole(first, onKafka, (await work()).acked());
    const mails = await mailsIn(folder);
    // It dies in the middle of its work: messages are on the topic that nobody has taken in.
    const cutOff = await work(() => first.kill());
    const died = await migrate('postgresql', 'eventstoredb', { FAILPOINTS: 'logMove.switched:1:kill' });
    expect(died.code).toBe('SIGKILL');
    // Messages of the former log are on the topic still: the start removes them, and its relay publishes the others.
    const second = await start(onBoth);
    await cutOff.repeat();
    await whole(second, onBoth, (await work()).acked());
    await verified(onBoth);
    expect((await migrate('eventstoredb', 'postgresql')).says).toContain('is running in');
    await second.stop();

    expect(await migrate('eventstoredb', 'postgresql')).toMatchObject({
      code: 0,
      says: expect.stringMatching(/SHA-256 of them: [0-9a-f]{64}/),
    });
    await verified(onKafka);
    const third = await start(onKafka);
    await whole(third, onKafka, (await work()).acked());
    await verified(onKafka);
    expect(await mailsIn(folder)).toEqual(mails);
  }, 300_000);
});
