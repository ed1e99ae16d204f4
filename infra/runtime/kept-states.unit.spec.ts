import { describe, expect, test } from '@jest/globals';
import { defineCommand } from '@daybook/kernel/command.ts';
import { accept, type Decider } from '@daybook/kernel/decider.ts';
import type { NewEvent, StreamName } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { isSealed } from '@daybook/kernel/ports/outside.ts';
import { contractFor, currentVersion } from '@daybook/schemas/contracts.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { contractStore } from '../event-store/contract-store.ts';
import { memoryEventStore, memoryLog } from '../event-store/memory.ts';
import { memoryVault } from '../vault/memory.ts';
import { makeCommandBus } from './command-bus.ts';
import { deliveryOf, eventsIn, open, spend, transfer } from './command-bus.fixture.ts';
import { keptStates } from './kept-states.ts';
import { countingStore, keepingBus, memorySnapshots } from './kept-states.fixture.ts';
import type { StreamStates } from './stream-state.ts';

/** Two processes on one log; `store` counts what the first asks. */
function twoProcesses() {
  const log = memoryLog();
  const store = countingStore(memoryEventStore({ log }));
  return { store, one: keepingBus(store), other: keepingBus(memoryEventStore({ log })) };
}

const account = { id: '1', amount: 1 };

/** Another fold of the same streams. */
const eventCount: Decider<null, { type: 'Debited'; data: { amount: number } }, { seen: number }> = {
  category: 'account',
  initialState: () => ({ seen: 0 }),
  evolve: ({ seen }) => ({ seen: seen + 1 }),
  decide: () => accept({ type: 'Debited', data: { amount: 0 } }),
};

describe('a recent state', () => {
  test('spares a command that records something every read', async () => {
    const { store, one } = twoProcesses();
    await one.execute(open, { id: '1', amount: 9 }, deliveryOf('c0'));
    store.taken();
    for (const id of ['c1', 'c2', 'c3']) await one.execute(spend, account, deliveryOf(id));
    expect(store.taken()).toEqual({ reads: 0, finds: 0, events: 0, appends: 3 });
    expect(await one.execute(spend, account, deliveryOf('c4'))).toMatchObject({
      revision: 5,
      answer: { balance: 5 },
    });
  });

  test('never refuses, and never does nothing, without asking the log', async () => {
    const { store, one } = twoProcesses();
    await one.execute(open, { id: '1', amount: 1 }, deliveryOf('c0'));
    await one.execute(spend, account, deliveryOf('c1'));
    expect(await one.execute(spend, account, deliveryOf('c2'))).toMatchObject({ ok: false });
    // Elsewhere the balance rises: by what is kept, the next would be refused, and the one after it would change nothing.
    await store.append('account-1', 2, [credited(5)]);
    expect(await one.execute(spend, { id: '1', amount: 4 }, deliveryOf('c3'))).toMatchObject({
      ok: true,
      answer: { balance: 1 },
    });
    await store.append('account-1', 4, [credited(5)]);
    expect(await one.execute(spend, { id: '1', amount: 0 }, deliveryOf('c4'))).toMatchObject({
      ok: true,
      revision: 5,
      answer: { balance: 6 },
    });
  });

  test('that another process has left behind is made good by reading what came since', async () => {
    const { store, one, other } = twoProcesses();
    await one.execute(open, { id: '1', amount: 100 }, deliveryOf('c0'));
    for (let n = 1; n <= 50; n += 1) await other.execute(spend, account, deliveryOf(`o${String(n)}`));
    await one.execute(spend, account, deliveryOf('c1'));
    store.taken();
    await other.execute(spend, account, deliveryOf('o51'));
    expect(await one.execute(spend, account, deliveryOf('c2'))).toMatchObject({
      revision: 54,
      answer: { balance: 47 },
    });
    // The event it knew, and the one that was new.
    expect(store.taken()).toEqual({ reads: 1, finds: 1, events: 2, appends: 2 });
  });

  test('gives way to the expected revision of the caller', async () => {
    const { one, other } = twoProcesses();
    await one.execute(open, { id: '1', amount: 9 }, deliveryOf('c0'));
    await other.execute(spend, account, deliveryOf('c1'));
    const seen = { expectedRevision: 2 };
    expect(await one.execute(spend, account, deliveryOf('c2'), seen)).toMatchObject({ revision: 3 });
    await other.execute(spend, account, deliveryOf('c3'));
    await expect(
      one.execute(spend, account, deliveryOf('c4'), { expectedRevision: 3 }),
    ).rejects.toMatchObject({ code: 'revision-conflict', retry: 'never', fields: { actual: 4 } });
  });

  test('belongs to a tenant', async () => {
    const { one } = twoProcesses();
    await one.execute(open, { id: '1', amount: 9 }, deliveryOf('c0', 'ours'));
    expect(await one.execute(spend, account, deliveryOf('c1', 'theirs'))).toMatchObject({
      rejection: { detail: 'Only 0 left.' },
    });
    expect(await one.execute(transfer, account, deliveryOf('c2', 'public'))).toMatchObject({ ok: true });
  });

  test('of one decider serves no other', async () => {
    const { store, one } = twoProcesses();
    await one.execute(open, { id: '1', amount: 9 }, deliveryOf('c0'));
    const count = defineCommand({
      ...spend,
      path: '/count',
      rejections: {},
      decider: eventCount,
      streamId: () => '1',
      command: () => null,
      answer: ({ state }) => state,
    });
    expect(await one.execute(count, {}, deliveryOf('c1'))).toMatchObject({ answer: { seen: 3 } });
    expect(await one.execute(spend, account, deliveryOf('c2'))).toMatchObject({ answer: { balance: 8 } });
    expect(await eventsIn(store, 'account-1')).toHaveLength(4);
  });

  test('that makes room for another while its command appends is not made up', async () => {
    const store = memoryEventStore();
    let between = (): Promise<unknown> => Promise.resolve();
    const slow: EventStore = {
      ...store,
      append: async (stream, ...append) => {
        if (stream === 'account-1') await between();
        return store.append(stream, ...append);
      },
    };
    const one = keepingBus(slow, { limits: { maxStreams: 1 } });
    await one.execute(open, { id: '1', amount: 9 }, deliveryOf('c0'));
    between = () => one.execute(open, { id: '2', amount: 9 }, deliveryOf('other'));
    await one.execute(spend, account, deliveryOf('c1'));
    between = () => Promise.resolve();
    expect(await one.execute(spend, account, deliveryOf('c2'))).toMatchObject({ answer: { balance: 7 } });
  });

  test('of a log that has another event there is dropped', async () => {
    const first = memoryLog();
    let log = first;
    const store = memoryEventStore({ log: first });
    const moving: EventStore = {
      ...store,
      read: (...read) => memoryEventStore({ log }).read(...read),
      append: (...append) => memoryEventStore({ log }).append(...append),
      find: (...find) => memoryEventStore({ log }).find(...find),
    };
    const one = keepingBus(moving);
    await one.execute(open, { id: '1', amount: 9 }, deliveryOf('c0'));
    log = memoryLog();
    await keepingBus(memoryEventStore({ log })).execute(open, { id: '1', amount: 3 }, deliveryOf('d0'));
    expect(await one.execute(spend, { id: '1', amount: 0 }, deliveryOf('c1'))).toMatchObject({
      answer: { balance: 3 },
    });
  });
});

describe('a repeated command', () => {
  /** Commands with a repeat that today's state would refuse, accept anew, or send something for. */
  test.each([
    ['refused by now', 9, 9],
    ['accepted anew by now', 1, 1],
    ['nothing to do by now', 2, 0],
  ])('has its first answer where it would be %s', async (_, first, then) => {
    const { store, one, other } = twoProcesses();
    await one.execute(open, { id: '1', amount: 20 }, deliveryOf('c0'));
    const answer = await one.execute(spend, { id: '1', amount: first }, deliveryOf('c1'));
    for (const id of ['c2', 'c3', 'c4']) await one.execute(spend, { id: '1', amount: 3 }, deliveryOf(id));
    const events = await eventsIn(store, 'account-1');
    for (const bus of [one, other, one]) {
      expect(await bus.execute(spend, { id: '1', amount: then }, deliveryOf('c1'))).toEqual(answer);
    }
    expect(await eventsIn(store, 'account-1')).toEqual(events);
  });

  test('of several events is found by any', async () => {
    const { store, one } = twoProcesses();
    const answer = await one.execute(open, { id: '1', amount: 5 }, deliveryOf('c0'));
    await one.execute(spend, account, deliveryOf('c1'));
    expect(await one.execute(open, { id: '1', amount: 5 }, deliveryOf('c0'))).toEqual(answer);
    expect(await one.execute(spend, account, deliveryOf('c0'))).toMatchObject({ ok: true, revision: 1 });
    expect(await eventsIn(store, 'account-1')).toHaveLength(3);
  });

  test('sends nothing ahead of itself, where a new one does', async () => {
    const { store, one } = twoProcesses();
    const debitWithSlug = defineCommand({
      ...spend,
      path: '/slug',
      rejections: {},
      decider: eventCount,
      streamId: () => '1',
      command: () => null,
      first: (_, { seen }) => [{ command: 'Reserve', input: { slug: String(seen), holder: '1' } }],
      answer: ({ state }) => state,
    });
    const answer = await one.execute(debitWithSlug, {}, deliveryOf('c0'));
    await one.execute(debitWithSlug, {}, deliveryOf('c1'));
    expect(await one.execute(debitWithSlug, {}, deliveryOf('c0'))).toEqual(answer);
    const reserved = ['0', '1', '2', '3'].map((slug) => eventsIn(store, `slug-${slug}`));
    expect((await Promise.all(reserved)).map(({ length }) => length)).toEqual([1, 1, 0, 0]);
  });

  test('side by side has the answer of the one that was recorded', async () => {
    const log = memoryLog();
    const store = memoryEventStore({ log });
    const at = (now: string) => keepingBus(memoryEventStore({ log }), { now: () => now });
    const answers = await Promise.all(
      ['2026-01-01', '2026-02-02', '2026-03-03'].map((day) =>
        at(`${day}T00:00:00.000Z`).execute(open, { id: '1', amount: 5 }, deliveryOf('c0')),
      ),
    );
    const answer = { balance: 5, events: 2 };
    for (const each of answers) expect(each).toMatchObject({ ok: true, revision: 1, answer });
    expect(await eventsIn(store, 'account-1')).toHaveLength(2);
  });
});

test('a state is frozen, so that a fold that changes it fails and changes nothing', async () => {
  const list: Decider<
    { impure: boolean },
    { type: 'Added'; data: { impure: boolean } },
    { items: string[] }
  > = {
    category: 'list',
    initialState: () => ({ items: [] }),
    evolve: (state, { data }) => {
      if (!data.impure) return { items: [...state.items, 'x'] };
      state.items.push('y');
      return state;
    },
    decide: ({ impure }) => accept({ type: 'Added', data: { impure } }),
  };
  const add = defineCommand({
    ...open,
    name: 'Add',
    path: '/list',
    rejections: {},
    decider: list,
    streamId: () => 'only',
    command: (input) => ({ impure: (input as { amount: number }).amount === 0 }),
    answer: ({ state }) => state.items.length,
  });
  const store = memoryEventStore();
  const states = keptStates({ eventStore: store, sealedFields: () => [], log: silentLog });
  const { execute } = busOf(store, states);
  await execute(add, { amount: 1 }, deliveryOf('c0'));
  const prepared = await add.prepare({ amount: 1 }, contextOf('c9'));
  const kept = states.recent(prepared);
  expect(kept?.state).toEqual({ items: ['x'] });
  await expect(execute(add, { amount: 0 }, deliveryOf('c1'))).rejects.toThrow(TypeError);
  expect(kept?.state).toEqual({ items: ['x'] });
  expect(states.recent(prepared)).toEqual(kept);
});

describe('what is sealed', () => {
  const type = 'EmailAddressReserved';
  const sealedType = 'SignupRequested';
  const requested = {
    signupId: 's1',
    userId: 'user-0123456789',
    tenantId: 'shop-c8e44f',
    workspaceId: 'proj-01234567',
    email: 'planted@example.com',
    name: 'Planted Person',
    addressHash: 'a'.repeat(64),
    businessName: 'Shop',
    intent: 'look',
    useCase: null,
    tokenHash: 'b'.repeat(64),
    expiresAt: '2026-01-02T00:00:00.000Z',
  };
  const remember: Decider<string, { type: string; data: object }, { seen: object[] }> = {
    category: 'signup',
    initialState: () => ({ seen: [] }),
    evolve: ({ seen }, { data }) => ({ seen: [...seen, data] }),
    decide: (wanted) => accept({ type: wanted, data: wanted === sealedType ? requested : { wanted } }),
  };
  const note = defineCommand({
    ...open,
    name: 'Note',
    path: '/note',
    rejections: {},
    decider: remember,
    streamId: () => 's1',
    command: (input) => (input as { id: string }).id,
    answer: ({ state }) => state.seen.length,
  });

  test('stays sealed in kept states and snapshots, however it came there', async () => {
    const kept = new Map<string, string>();
    const eventStore = sealing(memoryEventStore());
    const states = keptStates({
      eventStore,
      sealedFields: (name) => (name === sealedType ? ['email', 'name'] : []),
      log: silentLog,
      snapshots: memorySnapshots(1, kept),
    });
    const { execute } = busOf(eventStore, states);
    const prepared = await note.prepare({ id: type }, contextOf('c9'));
    for (const [n, wanted] of [type, sealedType, type, sealedType, type, type].entries()) {
      await execute(note, { id: wanted }, deliveryOf(`c${String(n)}`));
      const recent = JSON.stringify(states.recent(prepared) ?? null) + JSON.stringify([...kept]);
      expect(recent).not.toMatch(/planted/i);
    }
    const { seen } = states.recent(prepared)?.state as { seen: (typeof requested)[] };
    expect(seen).toHaveLength(6);
    expect(isSealed(seen[1]?.email) && isSealed(seen[3]?.name)).toBe(true);
  });

  test('and stands in the clear in the log all the same is kept nowhere', async () => {
    const kept = new Map<string, string>();
    const eventStore = memoryEventStore();
    const states = keptStates({
      eventStore,
      sealedFields: (name) => contractFor(name).sealed.map(({ field }) => field),
      log: silentLog,
      snapshots: memorySnapshots(1, kept),
    });
    const { execute } = busOf(eventStore, states);
    for (const id of ['c0', 'c1', 'c2']) await execute(note, { id: sealedType }, deliveryOf(id));
    expect(states.recent(await note.prepare({ id: type }, contextOf('c9')))).toBeUndefined();
    expect(kept.size).toBe(0);
    expect(currentVersion(sealedType)).toBeGreaterThan(0);
  });
});

function busOf(eventStore: EventStore, states: StreamStates) {
  return makeCommandBus({
    commands: [],
    eventStore,
    schemaVersion: () => 1,
    clock: { now: () => '2026-01-01T00:00:00.000Z' },
    log: silentLog,
    states,
  });
}

/** Seals the fields of the one type as the contracts would, for events of any other shape beside it. */
function sealing(store: EventStore): EventStore {
  const vault = memoryVault();
  const whole = contractStore(store, vault);
  return {
    ...store,
    append: (stream: StreamName, expected, events) =>
      events[0].type === 'SignupRequested'
        ? whole.append(stream, expected, events)
        : store.append(stream, expected, events),
  };
}

function contextOf(commandId: string) {
  return { ...deliveryOf(commandId), now: '2026-01-01T00:00:00.000Z', id: String };
}

function credited(amount: number): NewEvent {
  const { tenantId, actor, correlationId } = deliveryOf('elsewhere');
  return {
    id: crypto.randomUUID(),
    type: 'Credited',
    data: { amount },
    metadata: { schemaVersion: 1, tenantId, actor, correlationId, commandId: 'elsewhere', command: 'Credit' },
  };
}
