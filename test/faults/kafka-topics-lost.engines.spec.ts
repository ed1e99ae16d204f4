/** Topics that are deleted, cut off or made anew under a running system: it is noticed, told, and mended by one command. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Admin } from 'kafkajs';
import { projectionConsumer } from '@daybook/infra/runtime/checkpoints.ts';
import { kafkaClient } from '@daybook/infra/topics/kafka-client.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { products } from '@daybook/projectors/market/products.ts';
import { eventsTopic, scrapeRequestsTopic } from '@daybook/schemas/topics.ts';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { topicsOf } from '../support/engines-of.ts';
import { eventually } from '../support/eventually.ts';
import { startDaybook } from '../support/processes.ts';
import { silentLog } from '../support/silent-log.ts';
import { goesOn, isReady } from './arena.ts';
import { openKafkaArena, type KafkaArena } from './kafka-arena.ts';
import { isCurrent } from './two-tenants.ts';

describeWithEngines('topics that lose messages', ['kafka', 'registry'], (_, registry = '') => {
  let arena: KafkaArena;
  let admin: Admin;
  let topics: Topics;
  beforeAll(async () => {
    arena = await openKafkaArena(registry);
    topics = topicsOf(arena.database, arena.env);
    admin = kafkaClient({ brokers: [arena.env['KAFKA_BROKERS'] ?? ''] }, 'test', silentLog).admin();
    await admin.connect();
  }, 240_000);
  afterAll(async () => {
    await admin.disconnect();
    await topics.close();
    await arena.close();
  }, 60_000);

  const command = async (...words: readonly string[]): Promise<Readonly<{ code: unknown; says: string }>> => {
    const own = { DATABASE_URL: arena.databaseUrl, DAYBOOK_DATA: arena.system.folder };
    const run = startDaybook(words, { ...arena.env, ...own });
    return { code: await run.ended, says: run.output() };
  };
  const said = (message: string): Promise<unknown> =>
    eventually(() => expect(arena.system.output()).toContain(message), { withinMs: 60_000, everyMs: 100 });
  const removeAll = async (topic: string): Promise<void> => {
    const ends = await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({
      topic,
      partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
    });
  };
  /** How many messages of the topic the products have yet to take in. */
  const waiting = async (): Promise<number> => {
    const lags = await topics.lag(eventsTopic, projectionConsumer(products).group);
    return lags.reduce((sum, { next, end }) => sum + end - next, 0);
  };
  const mended = async (): Promise<void> => {
    const { code, says } = await command('republish');
    expect(`${String(code)} ${says}`).toMatch(/^0 .*published once more/s);
  };

  test('a topic that is whole is found so; a part that is published again changes nothing', async () => {
    const load = arena.load();
    await goesOn(load);
    await arena.clean();
    expect(await command('verify', 'topics')).toMatchObject({
      code: 0,
      says: expect.stringContaining('Nothing is missing.') as unknown,
    });
    const first = load.acked()[0]?.position ?? '';
    expect(await command('republish', '--from', first)).toMatchObject({ code: 0 });
    await goesOn(arena.load());
    await arena.clean();
    expect(await command('verify', 'topics')).toMatchObject({
      code: 0,
      says: expect.stringMatching(/messages are repeats/) as unknown,
    });
    expect(await command('republish', '--from', 'nowhere')).toMatchObject({ code: 2 });
  }, 240_000);

  test('all messages are removed that everybody has: consumers go on, the command brings them back', async () => {
    const load = arena.load();
    await goesOn(load);
    await arena.clean();
    await removeAll(eventsTopic);
    await goesOn(arena.load());
    const { code, says } = await command('verify', 'topics');
    expect(code).toBe(1);
    expect(says).toMatch(/events are missing, from position \d{20}/);
    expect(says).toContain('daybook republish');
    await mended();
    expect(await command('verify', 'topics')).toMatchObject({ code: 0 });
    await isCurrent(arena.person, load);
    await arena.clean({ republished: true });
  }, 240_000);

  test('messages are removed before they were taken in: nobody passes them over, and they come by the command', async () => {
    const load = arena.load({ persistent: true });
    await goesOn(load);
    // Nothing is taken in while the relay goes on.
    await arena.system.stopAndRestart('up', { FAILPOINTS: 'projector.read:1+:throw' });
    await goesOn(load, 30);
    await eventually(async () => expect(await waiting()).toBeGreaterThan(0), { withinMs: 60_000 });
    await removeAll(eventsTopic);
    await arena.system.stopAndRestart('up');
    await said('A consumer stands still before messages that are lost.');
    expect(await command('verify', 'topics')).toMatchObject({ code: 1 });
    await mended();
    await isCurrent(arena.person, load);
    await arena.clean({ republished: true });
  }, 240_000);

  test('the topic is deleted: the relay stops, nothing makes it anew but the command', async () => {
    const load = arena.load({ persistent: true });
    await goesOn(load);
    await admin.deleteTopics({ topics: [eventsTopic] });
    await goesOn(load);
    await said('The relay cannot go on before somebody mends the installation.');
    const { code, says } = await command('verify', 'topics');
    expect(code).toBe(1);
    expect(says).toContain(`${eventsTopic} is not there any more.`);
    await arena.system.killAndRestart('up').catch((error: unknown) => {
      expect(String(error)).toContain('daybook republish');
    });
    expect(await admin.listTopics()).not.toContain(eventsTopic);
    await mended();
    await arena.system.killAndRestart('up');
    await isCurrent(arena.person, load);
    await arena.clean({ republished: true });
    await isReady(arena.system);
  }, 240_000);

  test('the topic is deleted and made anew by somebody, under load: nothing is taken from it before it is mended', async () => {
    const load = arena.load({ persistent: true });
    await goesOn(load);
    await admin.deleteTopics({ topics: [eventsTopic] });
    await eventually(
      () => admin.createTopics({ waitForLeaders: false, topics: [{ topic: eventsTopic, numPartitions: 8 }] }),
      { withinMs: 30_000, everyMs: 200 },
    );
    await goesOn(load);
    await said('The relay cannot go on before somebody mends the installation.');
    await goesOn(load);
    await mended();
    await isCurrent(arena.person, load);
    await arena.clean({ republished: true });
    await isReady(arena.system);
  }, 240_000);

  test('requests that are lost are told of, and their groups go on', async () => {
    const load = arena.load({ persistent: true });
    await goesOn(load);
    await arena.clean({ republished: true });
    await admin.deleteTopics({ topics: [scrapeRequestsTopic] });
    const { code, says } = await command('verify', 'topics');
    expect(code).toBe(1);
    expect(says).toContain(`${scrapeRequestsTopic} is not there any more.`);
    const mending = await command('republish');
    expect(mending).toMatchObject({
      code: 0,
      says: expect.stringContaining('checked again at their next time') as unknown,
    });
    expect(await command('verify', 'topics')).toMatchObject({ code: 0 });
    await goesOn(arena.load({ persistent: true }));
    await isReady(arena.system);
  }, 240_000);
});
