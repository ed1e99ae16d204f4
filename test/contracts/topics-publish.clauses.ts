import { expect } from '@jest/globals';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import type { Clause } from './contract.ts';
import { consume, message, soon, text, topic, type TopicsSubject } from './topics.subject.ts';

export const publishClauses: readonly Clause<TopicsSubject>[] = [
  {
    name: 'confirms-a-topic',
    sentence: 'a topic is created once and confirmed after; another number of partitions is refused',
    run: async ({ topics }) => {
      await topics.ensure(topic, { partitions: 4 });
      await topics.ensure(topic, { partitions: 4, retentionMs: 1000 });
      await expect(topics.ensure(topic, { partitions: 5 })).rejects.toMatchObject({
        code: 'partition-mismatch',
      });
    },
  },
  {
    name: 'confirms-a-topic-to-all',
    sentence: 'processes that create a topic at the same time agree on it',
    run: async ({ topics, another }) => {
      const other = await another();
      await Promise.all([topics, other.topics].map((each) => each.ensure(topic, { partitions: 3 })));
      await topics.publish(topic, [message('a', '1')]);
      expect(await other.topics.lag(topic, 'nobody')).toHaveLength(3);
    },
  },
  {
    name: 'refuses-unknown-topics',
    sentence: 'a topic that was not created takes nothing and gives nothing',
    run: async ({ topics }) => {
      const unknown = { code: 'unavailable', retry: 'later' };
      await expect(topics.publish('nothing', [message('a', '1')])).rejects.toMatchObject(unknown);
      await expect(topics.partitionFor('nothing', 'a')).rejects.toMatchObject(unknown);
      const run = topics.run('nothing', 'readers', () => Promise.reject(new Error('never called')), {
        signal: new AbortController().signal,
      });
      await expect(run).rejects.toMatchObject(unknown);
    },
  },
  {
    name: 'places-keys-as-kafka-does',
    sentence: 'the partition of a key is murmur2 of its UTF-8, positive, modulo the partitions',
    run: async ({ topics }) => {
      await topics.ensure(topic, { partitions: 100 });
      // From Kafka's own vectors: murmur2('21') = -973932308, murmur2('foobar') = -790332482.
      expect(await topics.partitionFor(topic, '21')).toBe((-973932308 & 0x7fffffff) % 100);
      expect(await topics.partitionFor(topic, 'foobar')).toBe((-790332482 & 0x7fffffff) % 100);
    },
  },
  {
    name: 'delivers-what-was-published',
    sentence: 'key, bytes and headers arrive as they were sent, in the partition of the key',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 4 });
      const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const headers = {
        ce_id: '1',
        'content-type': 'application/avro',
        odd: 'Zürich "\\ \n {1,2} \u{1F4D3}',
      };
      await topics.publish(topic, [
        { key: 'a "quoted", {braced} \\ key, 東京', value, headers },
        { key: '', value: Buffer.alloc(0), headers: {} },
      ]);
      const { seen, stop } = consume(topics);
      await soon(subject, () => expect(seen).toHaveLength(2));
      await stop();
      const sent = seen.find(({ key }) => key !== '');
      expect(sent).toMatchObject({ key: 'a "quoted", {braced} \\ key, 東京', headers, attempt: 1 });
      expect(Buffer.from(sent?.value ?? []).equals(value)).toBe(true);
      expect(sent?.partition).toBe(await topics.partitionFor(topic, sent?.key ?? ''));
      expect(sent?.publishedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(seen.find(({ key }) => key === '')).toMatchObject({ headers: {} });
    },
  },
  {
    name: 'takes-nothing-to-publish',
    sentence: 'publishing no message is done at once',
    run: async ({ topics }) => {
      await topics.ensure(topic, { partitions: 1 });
      await topics.publish(topic, []);
      expect(await topics.lag(topic, 'readers')).toEqual([{ partition: 0, next: 0, end: 0 }]);
    },
  },
  {
    name: 'keeps-order-per-key',
    sentence: 'messages of one key arrive in the order of the calls, whichever process made them',
    run: async (subject) => {
      const { topics, another } = subject;
      await topics.ensure(topic, { partitions: 3 });
      const other = await another();
      const keys = ['a', 'b', 'c', 'd', 'e'];
      for (let n = 0; n < 20; n += 1) {
        const publisher = n % 2 === 0 ? topics : other.topics;
        await publisher.publish(
          topic,
          keys.flatMap((key) => [
            message(key, `${key}${String(2 * n)}`),
            message(key, `${key}${String(2 * n + 1)}`),
          ]),
        );
      }
      const { seen, stop } = consume(topics);
      await soon(subject, () => expect(seen).toHaveLength(200));
      await stop();
      for (const key of keys) {
        expect(seen.filter((one) => one.key === key).map(text)).toEqual(
          Array.from({ length: 40 }, (_, n) => `${key}${String(n)}`),
        );
      }
    },
  },
  {
    name: 'misses-no-late-commit',
    sentence: 'while many processes publish at once, a consumer sees every message, once, by growing offsets',
    run: async (subject) => {
      const { topics, another } = subject;
      await topics.ensure(topic, { partitions: 3 });
      const other = await another();
      const consumer = consume(topics, undefined, { maxBatch: 7 });
      const caller = async (publisher: Topics, name: string): Promise<void> => {
        for (let n = 0; n < 25; n += 1) {
          await publisher.publish(topic, [message(`${name}${String(n % 3)}`, `${name}-${String(n)}`)]);
        }
      };
      await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          caller(n % 2 === 0 ? topics : other.topics, `caller${String(n)}`),
        ),
      );
      await soon(subject, () => expect(consumer.seen.length).toBeGreaterThanOrEqual(200));
      await consumer.stop();
      expect(new Set(consumer.texts()).size).toBe(200);
      for (const partition of [0, 1, 2]) {
        const offsets = consumer.seen
          .filter((one) => one.partition === partition)
          .map(({ offset }) => offset);
        expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
      }
    },
  },
  ...(['same database', 'another database'] as const).map((where): Clause<TopicsSubject> => ({
    name: `open-transactions-in-${where.replace(' ', '-')}`,
    sentence: `a transaction that stays open in ${where === 'same database' ? 'the same' : 'another'} database neither holds publishing up nor hides messages nor lets one slip in before`,
    run: async (subject) => {
      const { topics, another, holdTransaction } = subject;
      await topics.ensure(topic, { partitions: 2 });
      const other = await another();
      const consumer = consume(topics);
      const end = await holdTransaction(where);
      try {
        for (let n = 0; n < 10; n += 1) {
          await (n % 2 === 0 ? topics : other.topics).publish(topic, [message('key', String(n))]);
        }
        await soon(subject, () => expect(consumer.texts()).toHaveLength(10));
      } finally {
        await end();
      }
      await topics.publish(topic, [message('key', 'last')]);
      await soon(subject, () => expect(consumer.texts()).toHaveLength(11));
      await consumer.stop();
      expect(consumer.texts()).toEqual([...Array.from({ length: 10 }, (_, n) => String(n)), 'last']);
    },
  })),
  {
    name: 'batches-one-partition',
    sentence: 'a batch holds messages of one partition only, at least one, at most as many as asked',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 4 });
      await topics.publish(
        topic,
        Array.from({ length: 100 }, (_, n) => message(`key-${String(n)}`, String(n))),
      );
      const consumer = consume(topics, undefined, { maxBatch: 6 });
      await soon(subject, () => expect(consumer.seen).toHaveLength(100));
      await consumer.stop();
      for (const batch of consumer.batches) {
        expect(batch.topic).toBe(topic);
        expect(batch.messages.length).toBeGreaterThan(0);
        expect(batch.messages.length).toBeLessThanOrEqual(6);
        expect(batch.messages.every(({ partition }) => partition === batch.partition)).toBe(true);
      }
    },
  },
  {
    name: 'measures-lag',
    sentence:
      'lag tells, for each partition, the offset to be handled next, for how long it waits, and the one after the last',
    run: async (subject) => {
      const { topics } = subject;
      const waitingMs = expect.any(Number);
      await topics.ensure(topic, { partitions: 1 });
      await topics.publish(topic, [message('a', '1'), message('b', '2')]);
      expect(await topics.lag(topic, 'readers')).toEqual([{ partition: 0, next: 0, end: 2, waitingMs }]);
      const consumer = consume(topics);
      await soon(subject, async () =>
        expect(await topics.lag(topic, 'readers')).toEqual([{ partition: 0, next: 2, end: 2 }]),
      );
      await consumer.stop();
      await topics.publish(topic, [message('c', '3')]);
      expect(await topics.lag(topic, 'readers')).toEqual([{ partition: 0, next: 2, end: 3, waitingMs }]);
    },
  },
];
