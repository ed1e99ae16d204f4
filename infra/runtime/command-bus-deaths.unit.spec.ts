import { expect, test } from '@jest/globals';
import type { Command } from '@daybook/kernel/command.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryEventStore } from '../event-store/memory.ts';
import { onFailpoint } from '../failpoints/failpoint.ts';
import { makeCommandBus } from './command-bus.ts';
import { deliveryOf, eventsIn, open, openWithSlug, reserve, spend } from './command-bus.fixture.ts';
import { keepingBus } from './kept-states.fixture.ts';

type Step =
  'preparing' | 'loading' | 'deciding' | 'listing' | 'sending' | 'appending' | 'appended' | 'answering';

/** A bus, and its command, that die at a step of the command; `dead` tells whether they did. */
function mortal(store: EventStore, deadly?: Step) {
  let dead = false;
  const dieAt = (step: Step): void => {
    if (step !== deadly) return;
    dead = true;
    throw new Error('killed');
  };
  const isAccount = (stream: string): boolean => stream.startsWith('account');
  const eventStore: EventStore = {
    ...store,
    read: (stream, ...rest) => {
      if (isAccount(stream)) dieAt('loading');
      return store.read(stream, ...rest);
    },
    append: async (stream, ...rest) => {
      if (isAccount(stream)) dieAt('appending');
      const appended = await store.append(stream, ...rest);
      dieAt(isAccount(stream) ? 'appended' : 'sending');
      return appended;
    },
  };
  const command: Command = {
    ...openWithSlug,
    prepare: async (...given) => {
      dieAt('preparing');
      const prepared = await openWithSlug.prepare(...given);
      return {
        ...prepared,
        decide: (state) => {
          dieAt('deciding');
          return prepared.decide(state);
        },
        first: (state) => {
          dieAt('listing');
          return prepared.first(state);
        },
        answer: (...outcome) => {
          dieAt('answering');
          return prepared.answer(...outcome);
        },
      };
    },
  };
  const bus = makeCommandBus({
    commands: [command, reserve],
    eventStore,
    schemaVersion: () => 1,
    clock: { now: () => '2026-01-01T00:00:00.000Z' },
    log: silentLog,
  });
  const deliver = () => bus.execute(command, { id: '1', slug: 'shop' }, deliveryOf('c1'));
  return { deliver, dead: () => dead };
}

test.each<[step: Step, reserved: number, recorded: number]>([
  ['preparing', 0, 0],
  ['loading', 0, 0],
  ['deciding', 0, 0],
  ['listing', 0, 0],
  ['sending', 1, 0],
  ['appending', 1, 0],
  ['appended', 1, 2],
  ['answering', 1, 2],
])('a death while %s: the next delivery completes the command, once', async (step, reserved, recorded) => {
  const store = memoryEventStore();
  const dying = mortal(store, step);
  await expect(dying.deliver()).rejects.toThrow('killed');
  expect(dying.dead()).toBe(true);
  expect(await eventsIn(store, 'slug-shop')).toHaveLength(reserved);
  expect(await eventsIn(store, 'account-1')).toHaveLength(recorded);

  expect(await mortal(store).deliver()).toMatchObject({ ok: true, revision: 1 });
  expect(await eventsIn(store, 'slug-shop')).toHaveLength(1);
  expect(await eventsIn(store, 'account-1')).toHaveLength(2);
});

test('a death while answering again leaves the answer to the next delivery', async () => {
  const store = memoryEventStore();
  const first = await mortal(store).deliver();
  await expect(mortal(store, 'answering').deliver()).rejects.toThrow('killed');
  expect(await mortal(store).deliver()).toEqual(first);
  expect(await eventsIn(store, 'account-1')).toHaveLength(2);
});

test.each(['command.appending', 'command.appended'] as const)(
  'a death on a recent state leaves the command to the next delivery: %s',
  async (step) => {
    const store = memoryEventStore();
    const dying = keepingBus(store);
    await dying.execute(open, { id: '1', amount: 9 }, deliveryOf('c0'));
    const disarm = onFailpoint(step, {
      does: () => {
        throw new Error('killed');
      },
    });
    try {
      await expect(dying.execute(spend, { id: '1', amount: 2 }, deliveryOf('c1'))).rejects.toThrow('killed');
    } finally {
      disarm();
    }
    expect(await eventsIn(store, 'account-1')).toHaveLength(step === 'command.appending' ? 2 : 3);
    for (const next of [dying, keepingBus(store)]) {
      expect(await next.execute(spend, { id: '1', amount: 2 }, deliveryOf('c1'))).toMatchObject({
        revision: 2,
        answer: { balance: 7 },
      });
    }
    expect(await eventsIn(store, 'account-1')).toHaveLength(3);
  },
);
