import { expect } from '@jest/globals';
import {
  done,
  type Batch,
  type DeadLetter,
  type Topics,
  type Verdict,
} from '@daybook/kernel/ports/topics.ts';
import type { Clause } from './contract.ts';
import { behind, consume, group, message, soon, text, topic, type TopicsSubject } from './topics.subject.ts';

/** Parks the message with this text, every time it comes while `bad` says so. */
export function parking(bad: ReadonlySet<string>) {
  return ({ messages }: Batch): Verdict => {
    const index = messages.findIndex((one) => bad.has(text(one)));
    return index < 0
      ? done
      : { do: 'park', index, reason: `cannot read ${text(messages[index] ?? message('', ''))}` };
  };
}

/** Texts of the group's dead letters. */
export const lettersOf = async (topics: Topics): Promise<string[]> =>
  (await topics.deadLetters(topic, group)).map((letter) => text(letter.message));

/** The dead letter that was set aside first. */
export const oldest = async (topics: Topics): Promise<DeadLetter> => {
  const [first] = await topics.deadLetters(topic, group);
  if (first === undefined) throw new Error('There is no dead letter.');
  return first;
};

/** Makes the topic with one partition and publishes texts. */
export async function begin({ topics }: TopicsSubject, ...texts: string[]): Promise<void> {
  await topics.ensure(topic, { partitions: 1 });
  await add(topics, ...texts);
}

/** Publishes texts whose first character is their key. */
export const add = (topics: Topics, ...texts: string[]): Promise<void> =>
  topics.publish(
    topic,
    texts.map((each) => message(each.slice(0, 1), each)),
  );

export const deadLetterClauses: readonly Clause<TopicsSubject>[] = [
  {
    name: 'parks',
    sentence:
      'what stands before a parked message is handled, other keys behind it go on, the letter says why',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'b1', 'c1', 'd1');
      const consumer = consume(topics, parking(new Set(['b1'])));
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await consumer.stop();
      expect(consumer.texts()).toEqual(['a1', 'b1', 'c1', 'd1', 'c1', 'd1']);
      const letters = await topics.deadLetters(topic);
      expect(letters).toHaveLength(1);
      expect(letters[0]).toMatchObject({
        topic,
        group,
        reason: 'cannot read b1',
        message: { key: 'b', offset: 1 },
      });
      expect(letters[0]?.parkedAt).toMatch(/Z$/);
      expect(await topics.lag(topic, group)).toMatchObject([{ oldestParkedAt: letters[0]?.parkedAt }]);
    },
  },
  {
    name: 'parks-what-follows',
    sentence: 'messages behind a parked one of the same key wait as letters, unseen; other keys go on',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'b1', 'a2', 'b2');
      const consumer = consume(topics, parking(new Set(['a1'])));
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await add(topics, 'a3', 'c1', 'b3');
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await consumer.stop();
      expect(await lettersOf(topics)).toEqual(['a1', 'a2', 'a3']);
      expect(consumer.texts().slice(4)).toEqual(['b1', 'b2', 'c1', 'b3']);
    },
  },
  {
    name: 'remembers-what-waits',
    sentence: 'a key stays blocked when the member that parked it is gone',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1');
      const first = consume(topics, parking(new Set(['a1'])));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a1']));
      await first.stop();
      await add(topics, 'a2', 'b1');
      const second = consume((await subject.another()).topics);
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await second.stop();
      expect(second.texts()).toEqual(['b1']);
      expect(await lettersOf(topics)).toEqual(['a1', 'a2']);
    },
  },
  {
    name: 'parks-per-group',
    sentence: 'what one group parks does not concern another',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'a2');
      const strict = consume(topics, parking(new Set(['a1'])));
      const lenient = consume(topics, undefined, { group: 'others' });
      await soon(subject, async () => {
        expect(await lettersOf(topics)).toEqual(['a1', 'a2']);
        expect(lenient.texts()).toEqual(['a1', 'a2']);
      });
      await Promise.all([strict.stop(), lenient.stop()]);
      expect(await topics.deadLetters(topic, 'others')).toEqual([]);
    },
  },
  {
    name: 'releases-in-order',
    sentence: 'a released key comes back whole and in order, a try older, before what is published later',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'a2', 'b1', 'c1');
      const bad = new Set(['a1', 'c1']);
      const consumer = consume(topics, parking(bad));
      await soon(subject, async () => expect(await lettersOf(topics)).toHaveLength(3));
      await add(topics, 'a3');
      await soon(subject, async () => expect(await lettersOf(topics)).toHaveLength(4));
      bad.delete('a1');
      const before = consumer.seen.length;
      const { id } = (await topics.deadLetters(topic)).find((each) => each.message.key === 'a') ?? { id: -1 };
      await topics.release(id);
      await add(topics, 'a4', 'b2');
      await soon(subject, () => expect(consumer.texts().filter((each) => each === 'a4')).toHaveLength(1));
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await consumer.stop();
      const after = consumer.seen.slice(before);
      expect(after.filter(({ key }) => key === 'a').map(text)).toEqual(['a1', 'a2', 'a3', 'a4']);
      expect(after.find((one) => text(one) === 'a1')?.attempt).toBe(2);
      expect(after.find((one) => text(one) === 'a2')?.attempt).toBe(1);
      expect(await lettersOf(topics)).toEqual(['c1']);
    },
  },
  {
    name: 'parks-again',
    sentence: 'a released message that is parked again keeps what waits behind it waiting, in order',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'a2', 'a3');
      const bad = new Set(['a1']);
      const consumer = consume(topics, parking(bad));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a1', 'a2', 'a3']));
      bad.delete('a1');
      bad.add('a2');
      await topics.release((await oldest(topics)).id);
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a2', 'a3']));
      expect((await oldest(topics)).reason).toBe('cannot read a2');
      bad.clear();
      await topics.release((await oldest(topics)).id);
      await add(topics, 'a4');
      await soon(subject, () => expect(consumer.texts()).toContain('a4'));
      await consumer.stop();
      expect(consumer.texts().slice(-3)).toEqual(['a2', 'a3', 'a4']);
      expect(await lettersOf(topics)).toEqual([]);
      expect((await topics.lag(topic, group))[0]).not.toHaveProperty('oldestParkedAt');
    },
  },
  {
    name: 'retries-released-letters',
    sentence: 'a released message whose handler throws comes again and is not lost',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1');
      let handle: (batch: Batch) => Verdict = parking(new Set(['a1']));
      const consumer = consume(topics, (batch) => handle(batch));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a1']));
      let failures = 0;
      handle = ({ messages }) => {
        // That nothing of the key waits any more is told by a batch without messages.
        if (messages.length === 0) return done;
        failures += 1;
        if (failures < 3) throw new Error('broken');
        return done;
      };
      await topics.release((await oldest(topics)).id);
      await soon(subject, () => expect(failures).toBe(3));
      await add(topics, 'a2');
      await soon(subject, () => expect(consumer.texts()).toEqual(['a1', 'a1', 'a1', 'a1', 'a2']));
      await consumer.stop();
      expect(consumer.seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 1]);
    },
  },
  {
    name: 'releases-to-whoever-comes',
    sentence:
      'what is released while nobody is there, by whatever process, is delivered to the next member first',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'a2');
      const first = consume(topics, parking(new Set(['a1'])));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a1', 'a2']));
      await first.stop();
      await add(topics, 'a3');
      const other = await subject.another();
      await other.topics.release((await oldest(topics)).id);
      const second = consume(topics);
      await soon(subject, () => expect(second.texts()).toEqual(['a1', 'a2', 'a3']));
      await second.stop();
    },
  },
  {
    name: 'releases-twice-as-once',
    sentence: 'releasing what is released, or never was, changes nothing',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1');
      const bad = new Set(['a1']);
      const consumer = consume(topics, parking(bad));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a1']));
      bad.clear();
      const { id } = await oldest(topics);
      await Promise.all([topics.release(id), topics.release(id)]);
      await soon(subject, () => expect(consumer.texts()).toEqual(['a1', 'a1']));
      await topics.release(id);
      await topics.release(id + 1000);
      await add(topics, 'a2');
      await soon(subject, () => expect(consumer.texts()).toEqual(['a1', 'a1', 'a2']));
      await consumer.stop();
    },
  },
];
