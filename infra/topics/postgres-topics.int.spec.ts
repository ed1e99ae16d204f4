import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { done, type OutMessage, type Topics } from '@daybook/kernel/ports/topics.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Database } from '../database/database.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import { postgresTopics } from './postgres-topics.ts';
import { publishParameters, publishPlaceholders } from './publish-batch.ts';
import { removeExpired } from './retention.ts';

const topic = 'daybook.things.v1';
const policy = { everyMs: 0, forgottenAfterMs: 60_000 };

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
const opened: Topics[] = [];
beforeEach(async () => {
  fresh = await freshDatabase({ poolSize: 6 });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((topics) => topics.close()));
  await fresh.drop();
});

/** A process of its own: its wake-ups reach nobody else, so that the others live by polling. */
function open(options: Partial<Parameters<typeof postgresTopics>[0]> = {}): Topics {
  const topics = postgresTopics({
    database: fresh.database,
    wakeups: memoryWakeups(),
    log: silentLog,
    retention: policy,
    ...options,
  });
  opened.push(topics);
  return topics;
}

const message = (key: string, text = key): OutMessage => ({ key, value: Buffer.from(text), headers: {} });

function consume(topics: Topics, group = 'readers') {
  const seen: string[] = [];
  const attempts: number[] = [];
  const leaving = new AbortController();
  const ended = topics.run(
    topic,
    group,
    async ({ messages }) => {
      seen.push(...messages.map(({ value }) => Buffer.from(value).toString()));
      attempts.push(...messages.map(({ attempt }) => attempt));
      return done;
    },
    { signal: leaving.signal },
  );
  return {
    seen,
    attempts,
    stop: () => {
      leaving.abort();
      return ended;
    },
  };
}

describe('publishing', () => {
  test('a publisher that commits late holds back what follows it, and is not missed', async () => {
    const topics = open();
    await topics.ensure(topic, { partitions: 1 });
    const consumer = consume(open());
    const { rows } = await fresh.database.pool.query<{ topic_id: number }>(
      'select topic_id from topics.topics',
    );
    const slow = await fresh.database.pool.connect();
    await slow.query('begin');
    await slow.query(`select topics.publish($1, ${publishPlaceholders(2)})`, [
      rows[0]?.topic_id,
      ...publishParameters([message('a', 'slow')], 1),
    ]);
    const quick = topics.publish(topic, [message('a', 'quick')]);
    await eventually(async () => {
      const waiting = await fresh.database.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(waiting.rows).not.toHaveLength(0);
    });
    expect(consumer.seen).toEqual([]);
    await slow.query('commit');
    slow.release();
    await quick;
    await eventually(() => expect(consumer.seen).toEqual(['slow', 'quick']));
    await consumer.stop();
  });

  test('a long transaction elsewhere neither hides messages nor lets one slip', async () => {
    const topics = open();
    await topics.ensure(topic, { partitions: 2 });
    const long = await fresh.database.pool.connect();
    await long.query('begin isolation level repeatable read');
    await long.query('create table runtime.elsewhere ()');
    const consumer = consume(topics);
    await topics.publish(topic, [message('a'), message('b'), message('c')]);
    await eventually(() => expect([...consumer.seen].sort()).toEqual(['a', 'b', 'c']));
    await consumer.stop();
    await long.query('rollback');
    long.release();
  });

  test('a message that cannot be kept fails alone, whatever travels with it', async () => {
    const topics = open();
    await topics.ensure(topic, { partitions: 2 });
    const outcomes = await Promise.allSettled([
      topics.publish(topic, [message('a')]),
      topics.publish(topic, [message('b\0', 'b')]),
      topics.publish(topic, [message('c')]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'schema-incompatible', retry: 'never' } });
    const consumer = consume(topics);
    await eventually(() => expect([...consumer.seen].sort()).toEqual(['a', 'c']));
    await consumer.stop();
  });
});

describe('a consumer', () => {
  test('goes on when its connections are killed', async () => {
    const topics = open({ pace: { backOff: { firstMs: 5, mostMs: 50 } } });
    await topics.ensure(topic, { partitions: 4 });
    const consumer = consume(topics);
    const acknowledged: string[] = [];
    for (let n = 0; n < 60; n += 1) {
      const text = String(n);
      if (n % 20 === 10) {
        await fresh.database.pool
          .query('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()')
          .catch(() => undefined);
      }
      await topics.publish(topic, [message(`key-${String(n % 7)}`, text)]).then(
        () => acknowledged.push(text),
        () => undefined,
      );
    }
    await eventually(() => expect(consumer.seen).toEqual(expect.arrayContaining(acknowledged)));
    expect(acknowledged.length).toBeGreaterThan(40);
    await consumer.stop();
  });

  test('hands over at once to the next incarnation of its instance, however long the lease', async () => {
    const pace = { leaseMs: 600_000, heartbeatMs: 50 };
    const first = open({ instance: 'up', pace });
    await first.ensure(topic, { partitions: 2 });
    await first.publish(topic, [message('a')]);
    const dying = consume(first);
    await eventually(() => expect(dying.seen).toEqual(['a']));
    const second = consume(open({ instance: 'up', pace }));
    await eventually(async () => {
      const { rows } = await fresh.database.pool.query(
        'select count(distinct owner) from topics.cursors where epoch = 2',
      );
      expect(rows).toEqual([{ count: 1 }]);
    });
    await Promise.all([second.stop(), dying.stop()]);
  });

  test('asks the database at most five times a second when there is nothing to do', async () => {
    let statements = 0;
    const counted: Database = {
      ...fresh.database,
      pool: new Proxy(fresh.database.pool, {
        get: (pool, name) => {
          if (name === 'query') statements += 1;
          const value = Reflect.get(pool, name) as unknown;
          return typeof value === 'function' ? (value.bind(pool) as unknown) : value;
        },
      }),
    };
    const topics = open({ database: counted });
    await topics.ensure(topic, { partitions: 8 });
    await topics.publish(topic, [message('a')]);
    const consumer = consume(topics);
    await eventually(() => expect(consumer.seen).toEqual(['a']));
    // Polling slows down over a second; what counts is where it ends.
    const settled = performance.now() + 1_500;
    await eventually(() => expect(performance.now()).toBeGreaterThan(settled));
    const before = statements;
    const until = performance.now() + 2_000;
    await eventually(() => expect(performance.now()).toBeGreaterThan(until));
    expect(statements - before).toBeLessThanOrEqual(10);
    expect(statements - before).toBeGreaterThan(0);
    await consumer.stop();
  });
});

describe('retention', () => {
  const kept = async (): Promise<number> => {
    const { rows } = await fresh.database.pool.query<{ count: number }>(
      'select count(*) from topics.messages',
    );
    return rows[0]?.count ?? 0;
  };
  const age = (interval: string) =>
    fresh.database.pool.query('update topics.messages set published_at = now() - $1::interval', [interval]);

  test('removes what is old and handled by every group, keeps what is young', async () => {
    const topics = open();
    await topics.ensure(topic, { partitions: 2, retentionMs: 3_600_000 });
    await topics.publish(topic, [message('a'), message('b'), message('c')]);
    await age('2 hours');
    await topics.publish(topic, [message('d')]);
    const consumer = consume(topics);
    await eventually(() => expect(consumer.seen).toHaveLength(4));
    await consumer.stop();
    expect(await removeExpired(fresh.database, policy)).toBe(3);
    expect(await kept()).toBe(1);
    const late = consume(topics, 'late');
    await eventually(() => expect(late.seen).toEqual(['d']));
    await late.stop();
    const lag = await topics.lag(topic, 'never');
    expect(lag.reduce((sum, { next, end }) => sum + end - next, 0)).toBe(1);
  });

  test('keeps what a group has not handled, until the group is forgotten', async () => {
    const topics = open();
    await topics.ensure(topic, { partitions: 1, retentionMs: 1_000 });
    const reader = consume(topics, 'quick');
    const sleeper = consume(topics, 'slow');
    await eventually(async () => {
      const { rows } = await fresh.database.pool.query('select from topics.cursors where owner is not null');
      expect(rows).toHaveLength(2);
    });
    await sleeper.stop();
    await topics.publish(topic, [message('a'), message('b')]);
    await eventually(async () =>
      expect(await topics.lag(topic, 'quick')).toEqual([{ partition: 0, next: 2, end: 2 }]),
    );
    await reader.stop();
    await age('1 hour');
    expect(await removeExpired(fresh.database, policy)).toBe(0);
    await fresh.database.pool.query(
      `update topics.groups set seen_at = now() - interval '2 minutes' where group_name = 'slow'`,
    );
    expect(await removeExpired(fresh.database, policy)).toBe(2);
    expect(await topics.lag(topic, 'slow')).toEqual([{ partition: 0, next: 2, end: 2 }]);
  });

  test('leaves topics without a retention alone, and dead letters everywhere', async () => {
    const topics = open();
    await topics.ensure(topic, { partitions: 1, retentionMs: 1_000 });
    await topics.ensure('kept', { partitions: 1 });
    await topics.publish('kept', [message('a')]);
    await topics.publish(topic, [message('b')]);
    const leaving = new AbortController();
    const parking = topics.run(
      topic,
      'strict',
      () => Promise.resolve({ do: 'park', index: 0, reason: 'unreadable' }),
      { signal: leaving.signal },
    );
    await eventually(async () => expect(await topics.deadLetters(topic)).toHaveLength(1));
    leaving.abort();
    await parking;
    await age('1 hour');
    expect(await removeExpired(fresh.database, policy)).toBe(1);
    expect(await kept()).toBe(1);
    const [letter] = await topics.deadLetters(topic);
    await topics.release(letter?.id ?? 0);
    const consumer = consume(topics, 'strict');
    await eventually(() => expect(consumer.seen).toEqual(['b']));
    await consumer.stop();
    expect(consumer.attempts).toEqual([2]);
  });

  test('runs by itself', async () => {
    const topics = open({ retention: { everyMs: 20 } });
    await topics.ensure(topic, { partitions: 1, retentionMs: 0 });
    await topics.publish(topic, [message('a')]);
    await eventually(async () => expect(await kept()).toBe(0));
  });
});

test('how long messages wait is told by the clock of the database, whatever that of the host says', async () => {
  const topics = open();
  await topics.ensure(topic, { partitions: 1 });
  await topics.publish(topic, [message('a')]);
  await fresh.database.pool.query(
    `update topics.messages set published_at = published_at - interval '10 minutes'`,
  );
  const hostNow = Date.now;
  try {
    for (const offMs of [-3_600_000, 3_600_000]) {
      Date.now = () => hostNow() + offMs;
      const [lag] = await topics.lag(topic, 'readers');
      expect(lag?.waitingMs).toBeGreaterThanOrEqual(600_000);
      expect(lag?.waitingMs).toBeLessThan(660_000);
    }
  } finally {
    Date.now = hostNow;
  }
});
