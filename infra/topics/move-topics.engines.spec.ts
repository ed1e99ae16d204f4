import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { done, type Topics, type Verdict } from '@daybook/kernel/ports/topics.ts';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import { eventually } from '@daybook/test/support/eventually.ts';

import { silentLog } from '@daybook/test/support/silent-log.ts';
import { quietDatabase } from '../backup/house.fixture.ts';
import type { Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { kafkaClient } from './kafka-client.ts';
import { kafkaTopics } from './kafka-topics.ts';
import { moveTopics, type MovedTopics } from './move-topics.ts';
import { postgresTopics } from './postgres-topics.ts';
import { homeInDatabase, topicsHome } from './topics-home.ts';

const partitions = 3;
const pace = {
  leaseMs: 2_000,
  heartbeatMs: 200,
  activePollMs: 5,
  idlePollMs: 50,
  backOff: { firstMs: 10, mostMs: 200 },
};

describeWithEngines('topics that move between PostgreSQL and Kafka', ['kafka'], (brokers) => {
  const kafka = { brokers: brokers.split(','), driver: 'kafkajs' as const };
  let database: Database;
  let drop: () => Promise<void>;
  let topic: string;
  const opened: Topics[] = [];
  beforeEach(async () => {
    ({ database, drop } = await quietDatabase());
    topic = `${randomUUID()}.things`;
  });
  afterEach(async () => {
    for (const topics of opened.splice(0)) await topics.close();
    await drop();
  });

  function topicsIn(engine: 'kafka' | 'postgresql'): Topics {
    const options = { database, wakeups: memoryWakeups(), log: silentLog, pace };
    const topics =
      engine === 'kafka'
        ? kafkaTopics({ ...options, settings: kafka, name: 'spec' })
        : postgresTopics(options);
    opened.push(topics);
    return topics;
  }

  async function publish(engine: 'kafka' | 'postgresql', ...texts: readonly string[]): Promise<void> {
    const topics = topicsIn(engine);
    await topics.ensure(topic, { partitions });
    const messages = texts.map((text) => ({ key: text, value: Buffer.from(text), headers: { ce_id: text } }));
    await topics.publish(topic, messages);
  }

  /** What a group takes in until it has so many. */
  async function taken(
    engine: 'kafka' | 'postgresql',
    count: number,
    verdict: Verdict = done,
  ): Promise<readonly string[]> {
    const seen: string[] = [];
    const stopping = new AbortController();
    const running = topicsIn(engine).run(
      topic,
      'readers',
      ({ messages }) => {
        seen.push(...messages.map(({ value }) => Buffer.from(value).toString()));
        return Promise.resolve(verdict);
      },
      { signal: stopping.signal },
    );
    await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(count), { withinMs: 30_000 });
    stopping.abort();
    await running;
    return seen.toSorted();
  }

  function move(to: 'kafka' | 'postgresql'): Promise<MovedTopics> {
    const topics = [{ name: topic, partitions }];
    return moveTopics({ database, applicationName: 'a test', kafka, to, topics, log: silentLog });
  }

  test('groups go on with what is published at the other place, there and back', async () => {
    await publish('postgresql', 'a', 'b', 'c');
    expect(await taken('postgresql', 3)).toEqual(['a', 'b', 'c']);
    const { cluster, moved } = await move('kafka');
    expect([moved, await topicsHome(database)]).toEqual([true, cluster]);
    expect(await move('kafka')).toEqual({ cluster, moved: false });
    await publish('kafka', 'd', 'e');
    expect(await taken('kafka', 2)).toEqual(['d', 'e']);
    expect((await move('postgresql')).moved).toBe(true);
    expect(await topicsHome(database)).toBe(homeInDatabase);
    await publish('postgresql', 'f', 'g');
    expect(await taken('postgresql', 2)).toEqual(['f', 'g']);
    expect((await move('kafka')).moved).toBe(true);
    await publish('kafka', 'h');
    expect(await taken('kafka', 1)).toEqual(['h']);
  }, 120_000);

  test.each(['topicsMove.made', 'topicsMove.switching'] as const)(
    'a death at %s is made up for by a repeat',
    async (name) => {
      await publish('postgresql', 'a');
      await taken('postgresql', 1);
      const disarm = onFailpoint(name, {
        nth: 1,
        does: () => {
          throw new Error('killed');
        },
      });
      await expect(move('kafka')).rejects.toThrow('killed');
      disarm();
      expect(await topicsHome(database)).toBe(homeInDatabase);
      await publish('postgresql', 'b');
      expect(await taken('postgresql', 1)).toEqual(['b']);
      expect((await move('kafka')).moved).toBe(true);
      await publish('kafka', 'c');
      expect(await taken('kafka', 1)).toEqual(['c']);
    },
    120_000,
  );

  describe('are left where they are', () => {
    const refused = async (to: 'kafka' | 'postgresql', says: RegExp): Promise<void> => {
      const home = await topicsHome(database);
      await expect(move(to)).rejects.toMatchObject({
        code: 'maintenance-refused',
        message: expect.stringMatching(says),
      });
      expect(await topicsHome(database)).toBe(home);
    };

    test('while messages are under way, in either', async () => {
      await publish('postgresql', 'a');
      await taken('postgresql', 1);
      await publish('postgresql', 'b');
      await refused('kafka', /readers of \S+ \(1 messages\)/);
      await taken('postgresql', 1);
      await move('kafka');
      await publish('kafka', 'c', 'd');
      await refused('postgresql', /readers of \S+ \(2 messages\)/);
    }, 120_000);

    test('while a message is set aside', async () => {
      await publish('postgresql', 'a');
      await taken('postgresql', 1, { do: 'park', index: 0, reason: 'broken' });
      await refused('kafka', /readers of \S+ \(1 set aside\)/);
    }, 120_000);

    test('where one of them lost messages, which nobody would miss at the other place', async () => {
      await publish('postgresql', 'a');
      await taken('postgresql', 1);
      await move('kafka');
      await publish('kafka', 'b', 'c');
      await taken('kafka', 2);
      await publish('kafka', 'd');
      const admin = kafkaClient(kafka, 'spec', silentLog).admin();
      await admin.connect();
      await admin.deleteTopics({ topics: [topic] });
      // The controller answers before the broker knows of it.
      await eventually(async () => {
        expect(await admin.listTopics()).not.toContain(topic);
      });
      await admin.disconnect();
      await refused('postgresql', /lost messages.*"daybook republish"/);
    }, 120_000);

    test('where they are in another cluster', async () => {
      await database.pool.query(`insert into topics.home (home) values ('another')`);
      await expect(move('kafka')).rejects.toMatchObject({ code: 'configuration-invalid' });
    }, 120_000);
  });
});
