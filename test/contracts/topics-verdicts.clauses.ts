import { expect } from '@jest/globals';
import { done, type Batch, type Verdict } from '@daybook/kernel/ports/topics.ts';
import type { Clause } from './contract.ts';
import {
  behind,
  consume,
  keysByPartition,
  message,
  promised,
  soon,
  text,
  topic,
  type TopicsSubject,
} from './topics.subject.ts';

export const verdictClauses: readonly Clause<TopicsSubject>[] = [
  {
    name: 'counts-nothing-before-the-verdict',
    sentence: 'a batch counts as handled once the handler said so, not when it was handed out',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 1 });
      await topics.publish(topic, [message('a', '1')]);
      const verdict = promised<Verdict>();
      const consumer = consume(topics, () => verdict.promise);
      await soon(subject, () => expect(consumer.seen).toHaveLength(1));
      expect(await behind(topics)).toBe(1);
      verdict.resolve(done);
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await consumer.stop();
    },
  },
  {
    name: 'retries',
    sentence:
      'after `retry` the same messages come again, a try older and not too soon, before anything later',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 1 });
      await topics.publish(topic, [message('a', '1'), message('b', '2')]);
      const times: number[] = [];
      const consumer = consume(topics, () => {
        times.push(performance.now());
        return times.length < 3 ? { do: 'retry', afterMs: 60, reason: 'not yet' } : done;
      });
      await soon(subject, () => expect(times.length).toBeGreaterThanOrEqual(1));
      await topics.publish(topic, [message('a', '3')]);
      await soon(subject, () => expect(consumer.texts()).toContain('3'));
      await consumer.stop();
      expect(consumer.batches.slice(0, 3).map(({ messages }) => messages.map(text))).toEqual([
        ['1', '2'],
        ['1', '2'],
        ['1', '2'],
      ]);
      expect(
        consumer.batches.slice(0, 3).map(({ messages }) => messages.map(({ attempt }) => attempt)),
      ).toEqual([
        [1, 1],
        [2, 2],
        [3, 3],
      ]);
      expect(consumer.seen.at(-1)?.attempt).toBe(1);
      // Timers may fire a millisecond early.
      expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(58);
    },
  },
  {
    name: 'remembers-attempts',
    sentence: 'the number of tries survives the member that made them',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 1 });
      await topics.publish(topic, [message('a', '1')]);
      const first = consume(topics, () => ({ do: 'retry', afterMs: 5, reason: 'not yet' }));
      await soon(subject, () => expect(first.seen.length).toBeGreaterThanOrEqual(3));
      await first.stop();
      const second = consume(topics);
      await soon(subject, () => expect(second.seen).toHaveLength(1));
      await second.stop();
      expect(second.seen[0]?.attempt).toBe((first.seen.at(-1)?.attempt ?? 0) + 1);
    },
  },
  {
    name: 'retries-what-throws',
    sentence: 'a handler that throws gets the batch again, a try older, and nothing is skipped',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 1 });
      await topics.publish(topic, [message('a', '1')]);
      let calls = 0;
      const consumer = consume(topics, () => {
        calls += 1;
        if (calls < 3) throw new Error('broken');
        return done;
      });
      await soon(subject, async () => {
        expect(calls).toBe(3);
        expect(await behind(topics)).toBe(0);
      });
      await consumer.stop();
      expect(consumer.texts()).toEqual(['1', '1', '1']);
      expect(consumer.seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    },
  },
  {
    name: 'pauses',
    sentence:
      '`pause` holds its partition back and no other; the batch then comes again and counts as the same try',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 2 });
      const [held = '', free = ''] = await keysByPartition(topics, 2);
      /** A member of a group of its own that pauses partition 0 once, for so long. */
      const pausing = (ofGroup: string, forMs: number) => {
        const times: number[] = [];
        const verdict = ({ partition }: Batch): Verdict => {
          if (partition !== 0 || times.push(performance.now()) > 1) return done;
          return { do: 'pause', forMs, reason: 'the provider is away' };
        };
        return { times, ...consume(topics, verdict, { group: ofGroup }) };
      };
      const long = pausing('long', 3_600_000);
      await topics.publish(topic, [message(held, 'held-1')]);
      await soon(subject, () => expect(long.times).toHaveLength(1));
      await topics.publish(topic, [message(free, 'free'), message(held, 'held-2')]);
      await soon(subject, () => expect(long.texts()).toContain('free'));
      await long.stop();
      expect(long.texts()).toEqual(['held-1', 'free']);
      const brief = pausing('brief', 60);
      await soon(subject, () => expect(brief.times.length).toBeGreaterThanOrEqual(2));
      await soon(subject, async () => expect(await behind(topics, 'brief')).toBe(0));
      await brief.stop();
      const [first, again] = brief.batches.filter(({ partition }) => partition === 0);
      expect(again?.messages.map(text)).toEqual(first?.messages.map(text));
      expect(new Set(brief.seen.map(({ attempt }) => attempt))).toEqual(new Set([1]));
      // Timers may fire a millisecond early.
      expect((brief.times[1] ?? 0) - (brief.times[0] ?? 0)).toBeGreaterThan(58);
    },
  },
  {
    name: 'holds-no-other-partition-up',
    sentence: 'a partition that is being handled does not hold up the others',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 2 });
      const [slow = '', quick = ''] = await keysByPartition(topics, 2);
      const verdict = promised<Verdict>();
      const consumer = consume(topics, ({ partition }) => (partition === 0 ? verdict.promise : done));
      await topics.publish(topic, [message(slow, 'slow'), message(quick, 'quick')]);
      await soon(subject, async () => {
        expect(consumer.texts().sort()).toEqual(['quick', 'slow']);
        expect(await behind(topics)).toBe(1);
      });
      verdict.resolve(done);
      await consumer.stop();
    },
  },
  {
    name: 'finishes-the-batch-in-hand',
    sentence: 'on abort the batch in hand is finished and recorded, no other is begun, and `run` ends',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 1 });
      await topics.publish(topic, [message('a', '1'), message('a', '2'), message('a', '3')]);
      const verdict = promised<Verdict>();
      const consumer = consume(topics, () => verdict.promise, { maxBatch: 2 });
      await soon(subject, () => expect(consumer.seen).toHaveLength(2));
      const stopped = consumer.stop();
      verdict.resolve(done);
      await stopped;
      expect(await behind(topics)).toBe(1);
      expect(consumer.texts()).toEqual(['1', '2']);
    },
  },
  {
    name: 'closes',
    sentence: 'close ends the members of the process, may be called again, and refuses new work',
    run: async (subject) => {
      const { topics } = await subject.another();
      await topics.ensure(topic, { partitions: 1 });
      await topics.publish(topic, [message('a', '1')]);
      const running = topics.run(topic, 'readers', () => Promise.resolve(done), {
        signal: new AbortController().signal,
      });
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await topics.close();
      await running;
      await topics.close();
      await expect(topics.publish(topic, [message('a', '2')])).rejects.toMatchObject({ code: 'aborted' });
    },
  },
];
