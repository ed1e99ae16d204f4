import { topicUnknown } from '@daybook/infra/topics/topic-engine.ts';
import { done, type DeadLetter } from '@daybook/kernel/ports/topics.ts';
import type { Fault } from './topics.fault.ts';
import { message, topic } from './topics.subject.ts';

/** What is published while a transaction is open in `where` is seen once that ends. */
const hidesBehind = (where: 'same database' | 'another database'): Fault => ({
  name: `hides what was published while a transaction in ${where === 'same database' ? 'its' : 'another'} database is open`,
  clause: `open-transactions-in-${where.replace(' ', '-')}`,
  engine: (engine, held) => ({
    publish: async (name, messages) => {
      if (held.where === where) held.afterwards.push(() => engine.publish(name, messages));
      else await engine.publish(name, messages);
    },
  }),
});

/** Faults in publishing, in groups, and in what befalls them. */
export const publishAndGroupFaults: readonly Fault[] = [
  hidesBehind('same database'),
  hidesBehind('another database'),
  {
    name: 'forgets no group',
    clause: 'forgets-a-group',
    port: () => ({ forget: () => Promise.resolve() }),
  },
  {
    name: 'loses the last of what is published at once',
    clause: 'survives-crashes-1',
    engine: (engine) => ({ publish: (name, messages) => engine.publish(name, messages.slice(0, -1)) }),
  },
  {
    name: 'hands a batch out without its first message',
    clause: 'survives-crashes-2',
    ledger: (ledger) => ({
      fetch: async (...args) =>
        (await ledger.fetch(...args)).map((fetched) => ({
          ...fetched,
          messages: fetched.messages.slice(1),
        })),
    }),
  },
  {
    name: 'publishes everything twice',
    clause: 'survives-crashes-3',
    engine: (engine) => ({
      publish: (name, messages) => engine.publish(name, [...messages, ...messages]),
    }),
  },
  {
    name: 'lets one of two makers of a topic fail',
    clause: 'confirms-a-topic-to-all',
    engine: (engine) => {
      let making = false;
      return {
        ensure: async (name, settings) => {
          if (making) throw topicUnknown(name);
          making = true;
          await new Promise((turn) => setImmediate(turn));
          await engine.ensure(name, settings);
          making = false;
        },
      };
    },
  },
  {
    name: 'makes topics that it does not know',
    clause: 'refuses-unknown-topics',
    port: (topics) => ({
      publish: async (name, messages) => {
        await topics.ensure(name, { partitions: 1 }).catch(() => undefined);
        await topics.publish(name, messages);
      },
    }),
  },
  {
    name: 'publishes an empty message for none',
    clause: 'takes-nothing-to-publish',
    port: (topics) => ({
      publish: (name, messages) => topics.publish(name, messages.length === 0 ? [message('', '')] : messages),
    }),
  },
  {
    name: 'does not tell for how long messages wait',
    clause: 'measures-lag',
    port: (topics) => ({
      lag: async (name, group) => (await topics.lag(name, group)).map(({ waitingMs: _, ...lag }) => lag),
    }),
  },
  {
    name: 'has one place for all groups',
    clause: 'serves-every-group',
    engine: (engine) => ({ ledger: (name, _, member) => engine.ledger(name, 'readers', member) }),
  },
  {
    name: 'drops the batch in hand on abort',
    clause: 'finishes-the-batch-in-hand',
    port: (topics) => ({
      run: (name, group, handler, options) =>
        topics.run(
          name,
          group,
          async (batch) => {
            const verdict = await handler(batch);
            if (options.signal.aborted) throw new Error('aborted');
            return verdict;
          },
          options,
        ),
    }),
  },
  {
    name: 'takes messages once closed, and loses them',
    clause: 'closes',
    port: (topics) => ({
      publish: (name, messages) => topics.publish(name, messages).catch(() => undefined),
    }),
  },
];

/** Faults in what is parked. */
export const parkingFaults: readonly Fault[] = [
  {
    name: 'shows every group the letters of all',
    clause: 'parks-per-group',
    port: (topics) => ({ deadLetters: (name) => topics.deadLetters(name) }),
  },
  {
    name: 'tells what waits among what is parked',
    clause: 'lists-by-windows',
    port: (topics) => ({
      deadLetters: (name, group, window) =>
        topics.deadLetters(name, group, window === undefined ? window : { ...window, parkedOnly: false }),
    }),
  },
  {
    name: 'tells of free keys only with a message',
    clause: 'tells-what-is-free',
    port: (topics) => ({
      run: (name, group, handler, options) =>
        topics.run(
          name,
          group,
          (batch) => (batch.messages.length === 0 ? Promise.resolve(done) : handler(batch)),
          options,
        ),
    }),
  },
  {
    name: 'parks nothing a second time',
    clause: 'parks-again',
    ledger: (ledger) => ({
      settleLetters: ({ parked, handled, ...settlement }) =>
        ledger.settleLetters({
          ...settlement,
          handled: parked === undefined ? handled : [...handled, parked.id],
        }),
    }),
  },
  {
    name: 'drops what fails at a second try',
    clause: 'retries-released-letters',
    port: (topics) => ({
      run: (name, group, handler, options) =>
        topics.run(
          name,
          group,
          (batch) =>
            handler(batch).catch((error: unknown) => {
              if (batch.messages.some(({ attempt }) => attempt > 1)) return done;
              throw error;
            }),
          options,
        ),
    }),
  },
  {
    name: 'releases only where the process has a member',
    clause: 'releases-to-whoever-comes',
    port: (topics) => {
      let member = false;
      return {
        run: (...args) => {
          member = true;
          return topics.run(...args);
        },
        release: (id) => (member ? topics.release(id) : Promise.resolve()),
      };
    },
  },
  {
    name: 'publishes anew what was released before',
    clause: 'releases-twice-as-once',
    port: (topics) => {
      const known = new Map<number, DeadLetter>();
      return {
        release: async (id) => {
          const letters = await topics.deadLetters(topic);
          const before = known.get(id);
          for (const letter of letters) known.set(letter.id, letter);
          if (before === undefined || letters.some((letter) => letter.id === id)) await topics.release(id);
          else await topics.publish(topic, [before.message]);
        },
      };
    },
  },
  {
    name: 'takes what waits for parked',
    clause: 'tells-the-parked-from-the-waiting',
    port: (topics) => ({
      deadLetters: async (...args) =>
        (await topics.deadLetters(...args)).map((letter) => ({ ...letter, parked: true })),
    }),
  },
  {
    name: 'skips only where something waits behind',
    clause: 'skips-the-last',
    port: (topics) => ({
      skip: async (id) => {
        const letters = await topics.deadLetters(topic);
        const key = letters.find((letter) => letter.id === id)?.message.key;
        if (letters.filter((letter) => letter.message.key === key).length > 1) await topics.skip(id);
      },
    }),
  },
];
