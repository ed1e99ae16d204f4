import fc from 'fast-check';
import { expect } from '@jest/globals';
import { done, type Batch, type InMessage, type Verdict } from '@daybook/kernel/ports/topics.ts';
import type { Clause } from './contract.ts';
import {
  behind,
  consume,
  group,
  message,
  soon,
  text,
  topic,
  type Consumer,
  type TopicsProcess,
  type TopicsSubject,
} from './topics.subject.ts';

/** What befalls a group between two rounds of publishing. */
type Step =
  | Readonly<{ do: 'publish'; count: number }>
  | Readonly<{ do: 'join'; maxBatch: number }>
  | Readonly<{ do: 'leave' }>
  /** The process stops in the middle of a batch, and never comes back. */
  | Readonly<{ do: 'crash' }>
  /** It stops in the middle of a batch, and comes back once others have taken over. */
  | Readonly<{ do: 'stall' }>;

export const histories: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 30 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('join' as const), maxBatch: fc.integer({ min: 1, max: 12 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('stall' as const) }) },
  ),
  { minLength: 4, maxLength: 10 },
);

const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

/** One run of a random history, and what the group's handlers made of it. */
export async function live(subject: TopicsSubject, history: readonly Step[]): Promise<void> {
  const { topics } = subject;
  await topics.ensure(topic, { partitions: 4 });
  /** Everything a handler said `done` to, in that order, as a consumer that drops repeats by offset keeps it. */
  const kept: InMessage[] = [];
  const places = new Map<number, number>();
  const members: { process: TopicsProcess; consumer: Consumer; doomed: boolean }[] = [];
  let published = 0;

  const join = async (maxBatch: number): Promise<void> => {
    const process = await subject.another();
    const member = { process, consumer: null as unknown as Consumer, doomed: false };
    let calls = 0;
    const handle = async ({ messages }: Batch): Promise<Verdict> => {
      calls += 1;
      // Some deliveries fail on the way: none of them may cost a message.
      if (calls % 5 === 2) throw new Error('broken');
      if (calls % 7 === 3) return { do: 'retry', afterMs: 1, reason: 'not yet' };
      if (member.doomed) process.stall();
      for (const one of messages) {
        if (one.offset < (places.get(one.partition) ?? 0)) continue;
        places.set(one.partition, one.offset + 1);
        kept.push(one);
      }
      return done;
    };
    member.consumer = consume(process.topics, handle, { maxBatch });
    members.push(member);
  };

  const publish = async (count: number): Promise<void> => {
    const batch = Array.from({ length: count }, () => {
      published += 1;
      return message(keys[published % keys.length] ?? '', String(published));
    });
    await topics.publish(topic, batch);
  };

  const stalled: TopicsProcess[] = [];
  for (const step of history) {
    const member = members.find(({ doomed }) => !doomed);
    if (step.do === 'publish') await publish(step.count);
    else if (step.do === 'join') await join(step.maxBatch);
    else if (member !== undefined && step.do === 'leave') {
      members.splice(members.indexOf(member), 1);
      await member.consumer.stop();
    } else if (member !== undefined) {
      // It stops inside its next batch, or here and now where none comes.
      member.doomed = true;
      await publish(3);
      if (step.do === 'stall') stalled.push(member.process);
    }
  }
  members.filter(({ doomed }) => doomed).forEach(({ process }) => process.stall());
  await join(5);
  await soon(subject, async () => expect(await behind(topics)).toBe(0));
  for (const process of stalled) process.resume();
  await publish(5);
  await soon(subject, async () => expect(await behind(topics)).toBe(0));
  for (const { process } of members) process.resume();
  await Promise.all(members.map(({ consumer }) => consumer.stop()));

  for (const key of keys) {
    const numbers = kept.filter((one) => one.key === key).map((one) => Number(text(one)));
    expect(numbers).toEqual(
      Array.from({ length: published }, (_, n) => n + 1).filter((n) => keys[n % keys.length] === key),
    );
  }
  expect(await topics.deadLetters(topic, group)).toEqual([]);
}

export const crashClauses: readonly Clause<TopicsSubject>[] = [1, 2, 3].map((n) => ({
  name: `survives-crashes-${String(n)}`,
  sentence:
    'whatever joins, leaves, crashes and comes back: nothing is lost, and each key is handled in order',
  run: async (subject) => {
    const [history = []] = fc.sample(histories, 1);
    await live(subject, history).catch((error: unknown) => {
      throw new Error(`The history was ${JSON.stringify(history)}.`, { cause: error });
    });
  },
}));
