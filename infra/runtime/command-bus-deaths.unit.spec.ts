import { expect, test } from '@jest/globals';
import type { Command } from '@daybook/kernel/command.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryEventStore } from '../event-store/memory.ts';
import { makeCommandBus } from './command-bus.ts';
import { deliveryOf, eventsIn, openWithSlug, reserve } from './command-bus.fixture.ts';

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
