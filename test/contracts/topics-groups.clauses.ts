import { expect } from '@jest/globals';
import { done, type Batch, type Verdict } from '@daybook/kernel/ports/topics.ts';
import type { Clause } from './contract.ts';
import {
  behind,
  consume,
  group,
  keysByPartition,
  message,
  promised,
  soon,
  text,
  topic,
  type TopicsSubject,
} from './topics.subject.ts';

const numbered = (count: number, prefix = 'm') =>
  Array.from({ length: count }, (_, n) => message(`key-${String(n)}`, `${prefix}${String(n)}`));

export const groupClauses: readonly Clause<TopicsSubject>[] = [
  {
    name: 'serves-every-group',
    sentence: 'each group gets every message, from the beginning of what is kept, whenever it joins',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 2 });
      await topics.publish(topic, numbered(10));
      const one = consume(topics);
      await soon(subject, () => expect(one.seen).toHaveLength(10));
      const other = consume(topics, undefined, { group: 'late' });
      await soon(subject, () => expect(other.seen).toHaveLength(10));
      await Promise.all([one.stop(), other.stop()]);
    },
  },
  {
    name: 'remembers-the-place',
    sentence: 'a group goes on where it stopped, whatever process its next member is in',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 2 });
      await topics.publish(topic, numbered(10, 'old'));
      const first = consume(topics);
      await soon(subject, () => expect(first.seen).toHaveLength(10));
      await first.stop();
      await topics.publish(topic, numbered(4, 'new'));
      const second = consume((await subject.another()).topics);
      await soon(subject, () => expect(second.seen.length).toBeGreaterThanOrEqual(4));
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await second.stop();
      expect(second.texts().sort()).toEqual(['new0', 'new1', 'new2', 'new3']);
    },
  },
  {
    name: 'forgets-a-group',
    sentence: 'a group that is forgotten begins anew; one with a member is not forgotten',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 2 });
      await topics.publish(topic, numbered(6));
      const first = consume(topics);
      await soon(subject, () => expect(first.seen).toHaveLength(6));
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await topics.forget(topic, group);
      expect(await behind(topics)).toBe(0);
      await first.stop();
      await topics.forget(topic, group);
      await topics.forget(topic, 'of nobody');
      expect(await behind(topics)).toBe(6);
      const again = consume(topics);
      await soon(subject, () => expect(again.seen).toHaveLength(6));
      await again.stop();
    },
  },
  {
    name: 'shares-partitions',
    sentence: 'members share the partitions; none is with two members at a time',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 4 });
      const keys = await keysByPartition(topics, 4);
      const inHand = new Set<number>();
      const overlaps: number[] = [];
      const handle = async ({ partition }: Batch): Promise<Verdict> => {
        if (inHand.has(partition)) overlaps.push(partition);
        inHand.add(partition);
        await new Promise((turn) => setTimeout(turn, 3));
        inHand.delete(partition);
        return done;
      };
      const members = [consume(topics, handle), consume((await subject.another()).topics, handle)];
      let published = 0;
      const partitionsOf = (from: number) =>
        members.map(({ seen }) => new Set(seen.slice(from).map(({ partition }) => partition)).size);
      await soon(subject, async () => {
        const before = members.map(({ seen }) => seen.length);
        await topics.publish(
          topic,
          keys.map((key) => message(key, String(published++))),
        );
        await soon(subject, async () => expect(await behind(topics)).toBe(0));
        expect(members.map(({ seen }, n) => seen.length - (before[n] ?? 0))).toEqual([2, 2]);
      });
      expect(partitionsOf(0).every((count) => count >= 2)).toBe(true);
      await Promise.all(members.map(({ stop }) => stop()));
      expect(overlaps).toEqual([]);
      expect(members.flatMap(({ seen }) => seen.map(text)).sort()).toEqual(
        Array.from({ length: published }, (_, n) => String(n)).sort(),
      );
    },
  },
  {
    name: 'hands-over-on-leaving',
    sentence: 'the partitions of a member that leaves go to the others',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 4 });
      const leaving = consume((await subject.another()).topics);
      await topics.publish(topic, numbered(8));
      await soon(subject, () => expect(leaving.seen).toHaveLength(8));
      const staying = consume(topics);
      await leaving.stop();
      await topics.publish(topic, numbered(20, 'later'));
      await soon(subject, () => expect(staying.seen).toHaveLength(20));
      await staying.stop();
    },
  },
  {
    name: 'takes-over-from-the-dead',
    sentence: 'the partitions of a member that died go to the others, with everything it had not finished',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 2 });
      await topics.publish(topic, numbered(12));
      const dying = await subject.another();
      const victim = consume(dying.topics, () => {
        dying.stall();
        return done;
      });
      await soon(subject, () => expect(victim.seen.length).toBeGreaterThan(0));
      const heir = consume(topics);
      await soon(subject, () => expect(new Set(heir.texts()).size).toBe(12));
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await heir.stop();
      dying.resume();
      await victim.stop();
    },
  },
  {
    name: 'fences-the-stale',
    sentence: 'a member that wakes up after losing its partitions records nothing: no offset, no dead letter',
    run: async (subject) => {
      const { topics } = subject;
      await topics.ensure(topic, { partitions: 1 });
      await topics.publish(topic, [message('a', '1'), message('a', '2')]);
      const sleeping = await subject.another();
      const verdict = promised<Verdict>();
      let calls = 0;
      const sleeper = consume(sleeping.topics, () => (++calls === 1 ? verdict.promise : done), {
        maxBatch: 1,
      });
      await soon(subject, () => expect(sleeper.seen).toHaveLength(1));
      sleeping.stall();
      const heir = consume(topics);
      await soon(subject, async () => {
        expect(heir.texts()).toEqual(['1', '2']);
        expect(await behind(topics)).toBe(0);
      });
      verdict.resolve({ do: 'park', index: 0, reason: 'out of date' });
      sleeping.resume();
      await topics.publish(topic, [message('a', '3')]);
      await soon(subject, () => expect([...heir.texts(), ...sleeper.texts()]).toContain('3'));
      await Promise.all([heir.stop(), sleeper.stop()]);
      expect(await topics.deadLetters(topic, group)).toEqual([]);
      expect([...heir.texts(), ...sleeper.texts().slice(1)].sort()).toEqual(['1', '2', '3']);
    },
  },
];
