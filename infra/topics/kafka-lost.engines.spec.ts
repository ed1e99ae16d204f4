/** A topic that somebody makes anew, and that then grows until it reaches again where the former one ended. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Admin } from 'kafkajs';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { done, type OutMessage, type Topics } from '@daybook/kernel/ports/topics.ts';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { kafkaClient } from './kafka-client.ts';
import { kafkaTopics } from './kafka-topics.ts';
import { kafkaTopicUpkeep } from './kafka-upkeep.ts';
import type { TopicUpkeep } from './topic-upkeep.ts';

jest.setTimeout(120_000);

const patient = { withinMs: 60_000 };
const lost = { code: 'topic-lost' };
const standsStill = 'A consumer stands still before messages that are lost.';

const messages = (...texts: readonly string[]): readonly OutMessage[] =>
  texts.map((text) => ({ key: 'a', value: Buffer.from(text), headers: { ce_id: text } }));

describeWithEngines('a topic on Kafka that is made anew', ['kafka'], (brokers) => {
  const settings = { brokers: brokers.split(',') };
  let fresh: Awaited<ReturnType<typeof freshDatabase>>;
  let opened: Topics[];
  let upkeep: TopicUpkeep;
  let topics: Topics;
  let admin: Admin;
  let topic = '';
  let said: string[];

  const open = (): Topics => {
    const overheard: Log = { ...silentLog, error: (text) => said.push(text), with: () => overheard };
    const { database } = fresh;
    const pace = { leaseMs: 2_000, heartbeatMs: 200, activePollMs: 5, idlePollMs: 50 };
    const one = kafkaTopics({
      ...{ settings, name: 'spec', database, log: overheard, wakeups: memoryWakeups(), pace },
    });
    opened.push(one);
    return one;
  };

  /** A member of a group, what it takes in, and how it is stopped. */
  const consume = (group = 'readers'): { seen: string[]; stop: () => Promise<void> } => {
    const seen: string[] = [];
    const stopping = new AbortController();
    const running = topics.run(
      topic,
      group,
      (batch) => {
        seen.push(...batch.messages.map(({ value }) => Buffer.from(value).toString()));
        return Promise.resolve(done);
      },
      { signal: stopping.signal },
    );
    const stop = (): Promise<void> => {
      stopping.abort();
      return running;
    };
    return { seen, stop };
  };

  const takesIn = async (texts: readonly string[], group?: string): Promise<void> => {
    const { seen, stop } = consume(group);
    await eventually(() => {
      expect(seen).toEqual(texts);
    }, patient);
    await stop();
  };

  const makeAnew = async (): Promise<void> => {
    await admin.deleteTopics({ topics: [topic] });
    await eventually(
      () => admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1 }] }),
      patient,
    );
  };

  const end = async (): Promise<number | undefined> => (await upkeep.spans(topic))?.[0]?.high;

  beforeEach(async () => {
    fresh = await freshDatabase();
    [opened, said] = [[], []];
    topics = open();
    upkeep = kafkaTopicUpkeep({ settings, name: 'spec upkeep', database: fresh.database, log: silentLog });
    admin = kafkaClient(settings, 'spec admin', silentLog).admin();
    await admin.connect();
    topic = `anew.${randomUUID()}`;
    await topics.ensure(topic, { partitions: 1 });
  });
  afterEach(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await upkeep.close();
    await admin.disconnect();
    await fresh.drop();
  });

  test('what is sent before that shows makes it no whole one: nobody publishes to it any more', async () => {
    const other = open();
    await other.publish(topic, messages('0'));
    await topics.publish(topic, messages('1', '2'));
    await makeAnew();
    await eventually(
      () => expect(topics.publish(topic, messages('3', '4', '5', '6'))).rejects.toMatchObject(lost),
      patient,
    );
    expect(await end()).toBeGreaterThan(3);
    const before = await end();
    await expect(topics.publish(topic, messages('7'))).rejects.toMatchObject(lost);
    // One that published before, and one that did not.
    await expect(other.publish(topic, messages('7'))).rejects.toMatchObject(lost);
    await expect(open().publish(topic, messages('7'))).rejects.toMatchObject(lost);
    await expect(open().ensure(topic, { partitions: 1 })).rejects.toMatchObject(lost);
    await expect(topics.lag(topic, 'readers')).rejects.toMatchObject(lost);
    expect(await end()).toBe(before);
  });

  test('nothing is taken from it before it is mended, also where it reaches the place of a group again', async () => {
    await topics.publish(topic, messages('1', '2', '3'));
    await takesIn(['1', '2', '3']);
    await topics.publish(topic, messages('4'));
    await makeAnew();
    const loss = await eventually(async () => {
      const found = await upkeep.lossOf(topic);
      expect(found).toMatchObject({ whole: 'shorter' });
      return found;
    }, patient);
    if (loss === null) return;
    await upkeep.hold(loss);
    await upkeep.publish(topic, messages('1', '2', '3', '3', '4', '5'));
    const { seen, stop } = consume();
    await eventually(() => {
      expect(said).toContain(standsStill);
    }, patient);
    expect(seen).toEqual([]);
    await upkeep.mend(loss, new Map([[0, 3]]));
    await eventually(() => {
      expect(seen).toEqual(['3', '4', '5']);
    }, patient);
    await stop();
    await topics.publish(topic, messages('6'));
  });

  test('it is mended also where a group that was given up had gone further than it reaches now', async () => {
    await topics.publish(topic, messages('1', '2', '3'));
    await takesIn(['1', '2', '3'], 'former');
    await fresh.database.pool.query(`update topics.groups set seen_at = seen_at - interval '31 days'`);
    await makeAnew();
    const loss = await eventually(async () => {
      const found = await upkeep.lossOf(topic);
      expect(found).toMatchObject({ whole: 'shorter', places: [] });
      return found;
    }, patient);
    if (loss === null) return;
    await upkeep.mend(loss, new Map([[0, 0]]));
    expect(await upkeep.lossOf(topic)).toBeNull();
    await eventually(() => topics.publish(topic, messages('4')), patient);
    await takesIn(['4'], 'new');
  });
});
