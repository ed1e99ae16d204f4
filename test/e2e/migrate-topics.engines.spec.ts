import { afterEach, expect, test } from '@jest/globals';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { startKafka } from '../engines/kafka.ts';
import { startMoving } from '../support/moving.ts';
import { requestsOnTopic, settled, type Acked } from '../support/oracle.ts';
import { runDaybook } from '../support/processes.ts';
import type { System } from '../support/system.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
}, 60_000);

describeWithEngines('an installation whose topics move', ['registry'], (registry) => {
  test('begins in PostgreSQL, goes on in Kafka, and comes back', async () => {
    const kafka = await startKafka();
    closing.push(() => kafka.stop());
    const onKafka = { KAFKA_BROKERS: kafka.url, SCHEMA_REGISTRY_URL: registry };
    const { first, folder, start, findings, ...moving } = await startMoving({}, { seed: 5, closing });
    const there = { DAYBOOK_DATA: folder, ...onKafka };
    const acked: Acked[] = [];
    /** Requests that were made, and taken in, where the topics were before. */
    const earlier: string[] = [];

    async function work(): Promise<void> {
      acked.push(...(await moving.work()).acked());
    }

    async function whole(system: System, env: Readonly<Record<string, string>> = {}): Promise<void> {
      const found = await findings(system, env, acked, system !== first);
      const ofEarlier = (finding: string): boolean =>
        finding.endsWith(': not published') && earlier.some((id) => finding.includes(id));
      expect(found.filter((finding) => !ofEarlier(finding))).toEqual([]);
      earlier.push(...(await requestsOnTopic(system.databaseUrl, env)));
      expect(earlier.length).toBeGreaterThan(0);
    }

    await work();
    await whole(first);
    expect((await runDaybook(['migrate-topics', '--to', 'kafka'], there)).says).toContain('is running');
    await first.stop();
    const moved = await runDaybook(['migrate-topics', '--to', 'kafka'], there);
    expect(moved).toMatchObject({ code: 0, says: expect.stringContaining('Start it with KAFKA_BROKERS') });
    const local = await runDaybook(['up', '--port', '0'], { DAYBOOK_DATA: folder });
    expect(local.says).toContain('in the Kafka cluster');

    const second = await start(onKafka);
    await work();
    await settled(second.databaseUrl, 90_000, onKafka);
    expect(await runDaybook(['republish'], there)).toMatchObject({ code: 0 });
    expect((await runDaybook(['verify', 'topics'], there)).says).toContain('Nothing is missing.');
    await whole(second, onKafka);
    await second.stop();

    expect(await runDaybook(['migrate-topics', '--to', 'postgresql'], there)).toMatchObject({ code: 0 });
    const third = await start({});
    await work();
    await settled(third.databaseUrl, 90_000);
    expect(await runDaybook(['republish'], { DAYBOOK_DATA: folder })).toMatchObject({ code: 0 });
    await whole(third);
  }, 300_000);
});
