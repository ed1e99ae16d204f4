import { afterEach, expect, test } from '@jest/globals';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { startKafka } from '../engines/kafka.ts';
import { startStandIn } from '../fakes/event-store-db/server.ts';
import { mailsIn } from '../support/mails.ts';
import { startMoving } from '../support/moving.ts';
import type { Acked } from '../support/oracle.ts';
import { runDaybook } from '../support/processes.ts';
import type { System } from '../support/system.ts';

type Env = Readonly<Record<string, string>>;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
}, 60_000);

describeWithEngines('an installation with topics on Kafka', ['registry'], (registry) => {
  test('moves its log to EventStoreDB (stand-in) and back, and goes on', async () => {
    const [kafka, server] = await Promise.all([startKafka(), startStandIn()]);
    closing.push(
      () => kafka.stop(),
      () => server.stop(),
    );
    const onKafka = { KAFKA_BROKERS: kafka.url, SCHEMA_REGISTRY_URL: registry };
    const onBoth = { ...onKafka, EVENTSTORE_URL: server.url };
    const { first, folder, start, work, findings } = await startMoving(onKafka, { seed: 7, closing });
    const whole = async (system: System, env: Env, acked: readonly Acked[]): Promise<void> => {
      expect(await findings(system, env, acked, system !== first)).toEqual([]);
    };

    const own = { DAYBOOK_DATA: folder, ...onBoth };
    const migrate = (from: string, to: string, more: Env = {}): ReturnType<typeof runDaybook> =>
      runDaybook(['migrate-log', '--from', from, '--to', to], { ...own, ...more });
    const verified = async (env: Env): Promise<void> => {
      const { code, says } = await runDaybook(['verify', 'topics'], { DAYBOOK_DATA: folder, ...env });
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
