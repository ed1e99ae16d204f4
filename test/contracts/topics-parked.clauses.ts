import { expect } from '@jest/globals';
import fc from 'fast-check';
import { done, type Batch, type Topics, type Verdict } from '@daybook/kernel/ports/topics.ts';
import type { Clause } from './contract.ts';
import { add, begin, lettersOf, oldest, parking } from './topics-dead-letters.clauses.ts';
import { behind, consume, group, message, soon, text, topic, type TopicsSubject } from './topics.subject.ts';

/** Some messages as they are set aside; the first character of each text is its key. */
const aside = (...texts: string[]): Parameters<Topics['setAside']>[2] =>
  texts.map((each) => ({ ...message(each.slice(0, 1), each), id: `id of ${each}`, reason: `no ${each}` }));

export const parkedClauses: readonly Clause<TopicsSubject>[] = [
  {
    name: 'tells-the-parked-from-the-waiting',
    sentence: 'of each key one letter is parked, the others wait behind it',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'b1', 'a2', 'b2');
      const consumer = consume(topics, parking(new Set(['a1', 'b1'])));
      await soon(subject, async () => expect(await lettersOf(topics)).toHaveLength(4));
      await consumer.stop();
      const letters = await topics.deadLetters(topic, group);
      expect(letters.filter(({ parked }) => parked).map((letter) => text(letter.message))).toEqual([
        'a1',
        'b1',
      ]);
    },
  },
  {
    name: 'lists-by-windows',
    sentence: 'dead letters are told by windows: behind an id, at most so many, those that are parked alone',
    run: async ({ topics }) => {
      await topics.ensure(topic, { partitions: 1 });
      await topics.setAside(topic, group, aside('a1', 'a2', 'b1', 'c1', 'c2', 'd1'));
      const told: string[][] = [];
      for (let after = 0; ;) {
        const letters = await topics.deadLetters(topic, group, { parkedOnly: true, after, most: 2 });
        told.push(letters.map((letter) => text(letter.message)));
        const last = letters.at(-1);
        if (last === undefined) break;
        after = last.id;
      }
      expect(told).toEqual([['a1', 'b1'], ['c1', 'd1'], []]);
      const all = await topics.deadLetters(topic, group, { most: 3 });
      expect(all.map((letter) => text(letter.message))).toEqual(['a1', 'a2', 'b1']);
    },
  },
  {
    name: 'tells-what-is-free',
    sentence: 'that nothing of a key waits any more is told at once, though no further message comes',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'a2');
      const bad = new Set(['a1']);
      const consumer = consume(topics, parking(bad));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a1', 'a2']));
      bad.clear();
      await topics.release((await oldest(topics)).id);
      await soon(subject, () =>
        expect(consumer.batches.flatMap(({ keys }) => [...(keys?.freed ?? [])])).toEqual(['a']),
      );
      await consumer.stop();
      expect(consumer.batches.at(-1)?.messages).toEqual([]);
    },
  },
  {
    name: 'skips-in-order',
    sentence: 'a skipped message never comes again, what waited behind it comes in order, then what is later',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'a2', 'b1', 'a3');
      const consumer = consume(topics, parking(new Set(['a1'])));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a1', 'a2', 'a3']));
      const before = consumer.seen.length;
      await topics.skip((await oldest(topics)).id);
      await add(topics, 'a4');
      await soon(subject, () => expect(consumer.texts()).toContain('a4'));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual([]));
      await consumer.stop();
      expect(consumer.texts().slice(before)).toEqual(['a2', 'a3', 'a4']);
      expect((await topics.lag(topic, group))[0]).not.toHaveProperty('oldestParkedAt');
    },
  },
  {
    name: 'skips-the-last',
    sentence: 'where nothing waits behind a skipped message, the key goes on with what is published next',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1');
      const consumer = consume(topics, parking(new Set(['a1'])));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a1']));
      await topics.skip((await oldest(topics)).id);
      await add(topics, 'a2', 'a3');
      await soon(subject, () => expect(consumer.texts()).toEqual(['a1', 'a2', 'a3']));
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual([]));
      await consumer.stop();
    },
  },
  {
    name: 'skips-only-what-is-parked',
    sentence: 'a letter that waits behind another, that was skipped before, or never was, is not skipped',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'a2', 'b1');
      const consumer = consume(topics, parking(new Set(['a1', 'b1'])));
      await soon(subject, async () => expect(await lettersOf(topics)).toHaveLength(3));
      const letters = await topics.deadLetters(topic, group);
      const idOf = (name: string): number => letters.find((each) => text(each.message) === name)?.id ?? -1;
      await topics.skip(idOf('a2'));
      await topics.skip(idOf('b1') + 1000);
      expect((await lettersOf(topics)).sort()).toEqual(['a1', 'a2', 'b1']);
      await Promise.all([topics.skip(idOf('b1')), topics.skip(idOf('b1'))]);
      await topics.skip(idOf('b1'));
      expect(await lettersOf(topics)).toEqual(['a1', 'a2']);
      await consumer.stop();
    },
  },
  {
    name: 'sets-aside-before-the-topic',
    sentence:
      'what is set aside by itself waits as letters do, and comes before what the topic brought, once',
    run: async (subject) => {
      const { topics } = subject;
      await begin(subject, 'a1', 'b1');
      await topics.setAside(topic, group, aside('ax', 'ay', 'cx'));
      await topics.setAside(topic, group, aside('ay', 'az'));
      const consumer = consume(topics);
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      await soon(subject, async () => expect(await lettersOf(topics)).toHaveLength(5));
      expect(consumer.texts()).toEqual(['b1']);
      const letters = await topics.deadLetters(topic, group);
      expect(letters.filter(({ parked }) => parked).map(({ reason }) => reason)).toEqual(['no ax', 'no cx']);
      await topics.release((await oldest(topics)).id);
      await add(topics, 'a2');
      await soon(subject, () => expect(consumer.texts().slice(1)).toEqual(['ax', 'ay', 'az', 'a1', 'a2']));
      await consumer.stop();
      expect(consumer.seen.slice(1).map(({ offset }) => offset < 0)).toEqual([
        true,
        true,
        true,
        false,
        false,
      ]);
      expect(await lettersOf(topics)).toEqual(['cx']);
    },
  },
  {
    name: 'releases-much-in-order',
    sentence: 'however many messages wait, they come in order and in batches of the usual size',
    run: async (subject) => {
      const { topics } = subject;
      const many = 2_300;
      await begin(subject, 'a0');
      const bad = new Set(['a0']);
      const consumer = consume(topics, parking(bad), { maxBatch: 200 });
      await soon(subject, async () => expect(await lettersOf(topics)).toEqual(['a0']));
      for (let at = 1; at < many; at += 500) {
        const end = Math.min(many, at + 500);
        await add(topics, ...Array.from({ length: end - at }, (_, n) => `a${String(at + n)}`));
      }
      await soon(subject, async () => expect(await behind(topics)).toBe(0));
      bad.clear();
      await topics.release((await oldest(topics)).id);
      await add(topics, 'alive');
      await soon(subject, () => expect(consumer.texts()).toContain('alive'));
      await consumer.stop();
      expect(consumer.texts().slice(1)).toEqual([
        ...Array.from({ length: many }, (_, n) => `a${String(n)}`),
        'alive',
      ]);
      expect(Math.max(...consumer.batches.map(({ messages }) => messages.length))).toBeLessThanOrEqual(200);
      expect(await lettersOf(topics)).toEqual([]);
    },
  },
  {
    name: 'keeps-order-whatever-is-parked',
    sentence:
      'whatever is parked, retried and skipped, each key is handled in order, whole but for what was skipped',
    run: async (subject) => {
      await begin(subject);
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
          run += 1;
          await playOut(subject, `readers of ${String(run)}`, String(run), steps);
        }),
        { numRuns: 5, endOnFailure: true },
      );
    },
  },
];

type Step = Readonly<
  { do: 'publish'; key: number; bad: boolean } | { do: 'retry' | 'mend' | 'skip'; n: number }
>;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      key: fc.nat({ max: 2 }),
      bad: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('retry', 'mend', 'skip'), n: fc.nat({ max: 5 }) }),
  },
);

/** Takes the steps one after the other, then retries until nothing is parked, and compares what was handled. */
async function playOut(
  subject: TopicsSubject,
  name: string,
  mark: string,
  steps: readonly Step[],
): Promise<void> {
  const { topics } = subject;
  const published: string[] = [];
  const handled: string[] = [];
  const bad = new Set<string>();
  const skipped = new Set<string>();
  const consumer = consume(
    topics,
    (batch: Batch): Verdict => {
      const own = batch.messages.map(text);
      const index = own.findIndex((each) => bad.has(each));
      handled.push(...(index < 0 ? own : own.slice(0, index)).filter((each) => each.endsWith(` ${mark}`)));
      return index < 0 ? done : { do: 'park', index, reason: 'bad' };
    },
    { group: name, maxBatch: 3 },
  );
  const parked = async () => (await topics.deadLetters(topic, name)).filter((letter) => letter.parked);
  try {
    for (const one of steps) {
      if (one.do === 'publish') {
        const next = `${String(one.key)} ${String(published.length)} ${mark}`;
        if (one.bad) bad.add(next);
        published.push(next);
        await topics.publish(topic, [message(`${String(one.key)} ${mark}`, next)]);
        continue;
      }
      await soon(subject, async () => expect(await behind(topics, name)).toBe(0));
      const letters = await parked();
      const letter = letters[one.n % Math.max(1, letters.length)];
      if (letter === undefined) continue;
      if (one.do === 'skip') {
        await topics.skip(letter.id);
        // One that another step handed back meanwhile is not parked any more.
        if (!(await topics.deadLetters(topic, name)).some(({ id }) => id === letter.id))
          skipped.add(text(letter.message));
      } else {
        if (one.do === 'mend') bad.delete(text(letter.message));
        await topics.release(letter.id);
      }
    }
    bad.clear();
    await soon(subject, async () => {
      for (const { id } of await parked()) await topics.release(id);
      expect(await behind(topics, name)).toBe(0);
      expect(await topics.deadLetters(topic, name)).toEqual([]);
      expect([...handled].sort()).toEqual(published.filter((each) => !skipped.has(each)).sort());
    });
  } finally {
    await consumer.stop();
  }
  for (const key of ['0', '1', '2']) {
    const ofKey = (texts: readonly string[]) => texts.filter((each) => each.startsWith(`${key} `));
    expect(ofKey(handled)).toEqual(ofKey(published).filter((each) => !skipped.has(each)));
  }
}
