import { describe, expect, test } from '@jest/globals';
import { defineCommand, type Command } from '@daybook/kernel/command.ts';
import { accept, reject, type Decider } from '@daybook/kernel/decider.ts';
import { DaybookError, revisionConflict } from '@daybook/kernel/errors.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryEventStore } from '../event-store/memory.ts';
import { makeCommandBus } from './command-bus.ts';
import { deliveryOf, eventsIn, open, openWithSlug, reserve, spend, transfer } from './command-bus.fixture.ts';

function bus(eventStore: EventStore, more: readonly Command[] = []) {
  return makeCommandBus({
    commands: [open, spend, reserve, openWithSlug, transfer, ...more],
    eventStore,
    schemaVersion: () => 3,
    clock: { now: () => '2026-01-01T00:00:00.000Z' },
    log: silentLog,
  });
}

describe('the command bus', () => {
  test('records what was decided, with ids and metadata derived from the delivery', async () => {
    const store = memoryEventStore();
    const delivery = {
      ...deliveryOf('command-1'),
      causationId: 'cause',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    };
    const result = await bus(store).execute(open, { id: '1', amount: 5 }, delivery);
    expect(result).toEqual({
      ok: true,
      streamId: '1',
      revision: 1,
      position: '00000000000000000002',
      answer: { balance: 5, events: 2, at: '2026-01-01T00:00:00.000Z' },
    });
    const [first, second] = await eventsIn(store, 'account-1');
    expect(first?.id).not.toBe(second?.id);
    expect(first).toMatchObject({ type: 'Opened', revision: 0, metadata: { ...delivery, schemaVersion: 3 } });
  });

  test('a repeated command id gets the first answer, also after others changed the stream', async () => {
    const store = memoryEventStore();
    const { execute } = bus(store);
    await execute(open, { id: '1', amount: 5 }, deliveryOf('c1'));
    const first = await execute(spend, { id: '1', amount: 2 }, deliveryOf('c2'));
    await execute(spend, { id: '1', amount: 1 }, deliveryOf('c3'));
    expect(await execute(spend, { id: '1', amount: 2 }, deliveryOf('c2'))).toEqual(first);
    expect(await eventsIn(store, 'account-1')).toHaveLength(4);
  });

  test('a delivery whose answer was lost is answered by the next', async () => {
    const store = memoryEventStore();
    const losing: EventStore = {
      ...store,
      append: async (...append) => {
        await store.append(...append);
        throw new DaybookError('timeout', 'The connection was lost.', { retry: 'later' });
      },
    };
    const delivery = deliveryOf('c1');
    await expect(bus(losing).execute(open, { id: '1', amount: 5 }, delivery)).rejects.toMatchObject({
      code: 'timeout',
    });
    const again = await bus(store).execute(open, { id: '1', amount: 5 }, delivery);
    expect(again).toMatchObject({ ok: true, revision: 1, answer: { balance: 5, events: 2 } });
    expect(await eventsIn(store, 'account-1')).toHaveLength(2);
  });

  test('a hundred concurrent deliveries of one command record it once and answer alike', async () => {
    const store = memoryEventStore();
    const [one, other] = [bus(store), bus(store)];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        (index % 2 === 0 ? one : other).execute(open, { id: '1', amount: 5 }, deliveryOf('c1')),
      ),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await eventsIn(store, 'account-1')).toHaveLength(2);
  });

  test('concurrent commands on one stream are decided one after the other', async () => {
    const store = memoryEventStore();
    const { execute } = bus(store);
    await execute(open, { id: '1', amount: 5 }, deliveryOf('c0'));
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        execute(spend, { id: '1', amount: 1 }, deliveryOf(`s${String(n)}`)),
      ),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(5);
    expect(results.filter((result) => !result.ok && result.rejection.code === 'balance-low')).toHaveLength(5);
  });

  test('gives up after a bounded number of conflicts', async () => {
    let appends = 0;
    const store: EventStore = {
      ...memoryEventStore(),
      append: (stream, expected) => {
        appends += 1;
        return Promise.reject(revisionConflict(stream, expected, 7));
      },
    };
    const fewTries = makeCommandBus({
      commands: [open],
      eventStore: store,
      schemaVersion: () => 1,
      clock: { now: () => '' },
      log: silentLog,
      maxTries: 3,
    });
    await expect(fewTries.execute(open, { id: '1', amount: 1 }, deliveryOf('c1'))).rejects.toMatchObject({
      code: 'revision-conflict',
      retry: 'later',
      fields: { actual: 7 },
    });
    expect(appends).toBe(3);
  });

  test('holds the revision against the one the caller saw, but not for a repeated command', async () => {
    const store = memoryEventStore();
    const { execute } = bus(store);
    await execute(open, { id: '1', amount: 5 }, deliveryOf('c1'));
    const seen = { expectedRevision: 1 };
    const spent = await execute(spend, { id: '1', amount: 1 }, deliveryOf('c2'), seen);
    expect(await execute(spend, { id: '1', amount: 1 }, deliveryOf('c2'), seen)).toEqual(spent);
    await expect(execute(spend, { id: '1', amount: 1 }, deliveryOf('c3'), seen)).rejects.toMatchObject({
      code: 'revision-conflict',
      retry: 'never',
      fields: { expected: 1, actual: 2 },
    });
  });

  test('refusals and no-ops record nothing', async () => {
    const store = memoryEventStore();
    const { execute } = bus(store);
    expect(await execute(spend, { id: '1', amount: 0 }, deliveryOf('c1'))).toMatchObject({
      ok: true,
      revision: -1,
      position: '00000000000000000000',
    });
    expect(await execute(spend, { id: '1', amount: 1 }, deliveryOf('c2'))).toMatchObject({
      ok: false,
      rejection: { code: 'balance-low' },
    });
    expect(await store.head()).toBe('00000000000000000000');
  });
});

describe('tenants', () => {
  test('another tenant’s stream is as if it were not there, and cannot be written', async () => {
    const store = memoryEventStore();
    const { execute } = bus(store);
    await execute(open, { id: '1', amount: 5 }, deliveryOf('c1', 'ours'));
    expect(await execute(spend, { id: '1', amount: 1 }, deliveryOf('c2', 'theirs'))).toMatchObject({
      rejection: { code: 'balance-low', detail: 'Only 0 left.' },
    });
    expect(await execute(open, { id: '1', amount: 5 }, deliveryOf('c3', 'theirs'))).toMatchObject({
      rejection: { code: 'not-found' },
    });
    expect(await execute(open, { id: '1', amount: 5 }, deliveryOf('c1', 'theirs'))).toMatchObject({
      ok: false,
    });
    expect(await eventsIn(store, 'account-1')).toHaveLength(2);
  });

  test('a public command acts in the tenant of the stream it finds, and nowhere without one', async () => {
    const store = memoryEventStore();
    const { execute } = bus(store);
    await execute(open, { id: '1', amount: 5 }, deliveryOf('c1', 'ours'));
    await execute(transfer, { id: '1', amount: 1 }, deliveryOf('c2', 'public'));
    expect((await eventsIn(store, 'account-1')).map(({ metadata }) => metadata.tenantId)).toEqual([
      'ours',
      'ours',
      'ours',
    ]);
    expect(await execute(transfer, { id: '2', amount: 0 }, deliveryOf('c3', 'public'))).toMatchObject({
      rejection: { code: 'not-found' },
    });
  });
});

describe('commands that come first', () => {
  test('are accepted before the command records, in their own tenant', async () => {
    const store = memoryEventStore();
    const delivery = deliveryOf('c1', 'ours');
    const result = await bus(store).execute(openWithSlug, { id: '1', slug: 'shop' }, delivery);
    expect(result.ok).toBe(true);
    const [reserved] = await eventsIn(store, 'slug-shop');
    expect(reserved?.metadata).toMatchObject({
      tenantId: 'system',
      causationId: 'c1',
      correlationId: delivery.correlationId,
    });
  });

  test('refuse the command by their refusal; the same command again is no refusal', async () => {
    const store = memoryEventStore();
    const { execute } = bus(store);
    const first = await execute(openWithSlug, { id: '1', slug: 'shop' }, deliveryOf('c1'));
    expect(await execute(openWithSlug, { id: '2', slug: 'shop' }, deliveryOf('c2'))).toMatchObject({
      ok: false,
      rejection: { code: 'slug-taken' },
    });
    expect(await execute(openWithSlug, { id: '1', slug: 'shop' }, deliveryOf('c1'))).toEqual(first);
    expect(await eventsIn(store, 'account-2')).toEqual([]);
  });

  test('are not sent for a command that is refused itself', async () => {
    const store = memoryEventStore();
    const { execute } = bus(store);
    await execute(open, { id: '1', amount: 5 }, deliveryOf('c1'));
    await execute(openWithSlug, { id: '1', slug: 'shop' }, deliveryOf('c2'));
    expect(await eventsIn(store, 'slug-shop')).toEqual([]);
  });

  test('are known as accepted where a death followed them', async () => {
    const store = memoryEventStore();
    const dying: EventStore = {
      ...store,
      append: (stream, ...rest) =>
        stream.startsWith('account')
          ? Promise.reject(new DaybookError('unavailable', 'Gone.', { retry: 'later' }))
          : store.append(stream, ...rest),
    };
    const input = { id: '1', slug: 'shop' };
    await expect(bus(dying).execute(openWithSlug, input, deliveryOf('c1'))).rejects.toThrow('Gone.');
    expect(await bus(store).execute(openWithSlug, input, deliveryOf('c1'))).toMatchObject({ ok: true });
    expect(await eventsIn(store, 'slug-shop')).toHaveLength(1);
  });
});

describe('sending by name', () => {
  test('checks the input and knows its commands', async () => {
    const own = bus(memoryEventStore());
    const send = (...args: Parameters<typeof own.send>) => own.send(...args);
    expect(await send({ command: 'Nonsense', input: {} }, deliveryOf('c1'))).toMatchObject({
      rejection: { code: 'command-unknown' },
    });
    expect(await send({ command: 'Open', input: { id: 1 } }, deliveryOf('c2'))).toMatchObject({
      rejection: { code: 'input-invalid', detail: expect.stringContaining('id:') as unknown },
    });
    expect(await send({ command: 'Open', input: { id: '1', amount: 2 } }, deliveryOf('c3'))).toMatchObject({
      ok: true,
      answer: { balance: 2 },
    });
  });

  test('two commands of one name are a mistake', () => {
    expect(() => bus(memoryEventStore(), [open])).toThrow('Two commands are named Open');
  });
});

test('a refusal may itself be recorded, and is repeated', async () => {
  const store = memoryEventStore();
  const counted: Decider<null, { type: 'Failed'; data: object }, number> = {
    category: 'attempt',
    initialState: () => 0,
    evolve: (state) => state + 1,
    decide: () => accept({ type: 'Failed', data: {} }),
  };
  const attempt = defineCommand({
    ...open,
    name: 'Attempt',
    path: '/attempts',
    rejections: {},
    decider: counted,
    streamId: () => 'only',
    command: () => null,
    refusal: ({ state }) => ({ code: 'wrong', detail: `Wrong ${String(state)} times.` }),
    answer: () => null,
  });
  const { execute } = bus(store, [attempt]);
  const first = await execute(attempt, {}, deliveryOf('c1'));
  expect(first).toEqual(reject({ code: 'wrong', detail: 'Wrong 1 times.' }));
  await execute(attempt, {}, deliveryOf('c2'));
  expect(await execute(attempt, {}, deliveryOf('c1'))).toEqual(first);
});
