import { describe, expect, test } from '@jest/globals';
import {
  printPlace,
  type Event,
  type Metadata,
  type RecordedEvent,
  type Step,
} from '@daybook/kernel/event.ts';
import { stepsTo } from '@daybook/kernel/process.ts';
import { defineProjection } from '@daybook/kernel/projection.ts';
import { recorded, type Given } from '@daybook/kernel/specification.ts';
import { memoryEventStore } from '../event-store/memory.ts';
import { causesOf, type FindEvents } from './causes.ts';
import { effectsOf, type Waiting } from './effects.ts';
import { makeLineage } from './lineage.ts';
import { masked } from './masked.ts';
import { differingColumns, foldRow, touchesRow } from './row-history.ts';
import { printKey, readKey } from './row-key.ts';

type Kettle =
  | Event<'Bought', { id: string; name: string }>
  | Event<'Priced', { id: string; minor: number }>
  | Event<'Sold', { id: string }>;
type KettleRow = Readonly<{ id: string; name: string; minor: number | null; soldAt: string | null }>;

const kettles = defineProjection<Kettle, KettleRow, 'id'>({
  name: 'kettles',
  version: 1,
  table: {
    columns: {
      id: { type: 'text' },
      name: { type: 'text' },
      minor: { type: 'bigint', nullable: true },
      soldAt: { type: 'instant', nullable: true },
    },
    key: ['id'],
  },
  handles: ['Bought', 'Priced', 'Sold'],
  keys: ({ data: { id } }) => [{ id }],
  origin: ({ id }) => ({ streams: [`kettle-${id}`] }),
  evolve: (row, event) => {
    if (event.type === 'Bought') return { ...event.data, minor: null, soldAt: null };
    if (row === null) return null;
    return event.type === 'Priced' ? { ...row, minor: event.data.minor } : null;
  },
});

function logOf(...given: readonly Given[]): readonly RecordedEvent[] {
  return recorded(
    given.map((one) => ({ ...one, metadata: { tenantId: 'ours', correlationId: 'c', ...one.metadata } })),
  );
}

const bought = { type: 'Bought', data: { id: '1', name: 'Kettle' }, stream: 'kettle-1' };
const priced = (minor: number): Given => ({ type: 'Priced', data: { id: '1', minor }, stream: 'kettle-1' });

describe('the history of a row', () => {
  const fold = (events: readonly RecordedEvent[], options: { column?: string; most?: number } = {}) => {
    const folding = foldRow(kettles, { id: '1' }, { most: 10, ...options });
    events.forEach(folding.take);
    return folding.history();
  };

  test('says of each event what it changed, and of each column which event did last', () => {
    const events = logOf(bought, priced(5), priced(5), priced(7));
    const history = fold(events);
    expect(history.row).toEqual({ id: '1', name: 'Kettle', minor: 7, soldAt: null });
    expect(history.newest.map(({ changes }) => changes)).toEqual([
      [
        { column: 'id', before: null, after: '1' },
        { column: 'name', before: null, after: 'Kettle' },
      ],
      [{ column: 'minor', before: null, after: 5 }],
      [],
      [{ column: 'minor', before: 5, after: 7 }],
    ]);
    expect(history.lastChanged).toEqual({
      id: events[0]?.position,
      name: events[0]?.position,
      minor: events[3]?.position,
    });
  });

  test('of a column holds the events that changed it; of many the newest', () => {
    const history = fold(logOf(bought, priced(5), priced(5), priced(7), priced(9)), {
      column: 'minor',
      most: 2,
    });
    expect([history.touched, history.total]).toEqual([5, 3]);
    expect(history.newest.map(({ event }) => event.data)).toEqual([
      { id: '1', minor: 7 },
      { id: '1', minor: 9 },
    ]);
  });

  test('ends with a removal that empties every column', () => {
    const history = fold(logOf(bought, { type: 'Sold', data: { id: '1' } }));
    expect(history.row).toBeNull();
    expect(history.newest[1]?.changes).toContainEqual({ column: 'name', before: 'Kettle', after: null });
  });

  test('takes no event of another row, type or tenant', () => {
    const touches = touchesRow(kettles, 'ours', { id: '1' });
    const events = logOf(
      bought,
      { ...bought, data: { id: '2', name: '' } },
      { ...bought, type: 'Heard' },
      { ...bought, metadata: { tenantId: 'theirs' } },
    );
    expect(events.map(touches)).toEqual([true, false, false, false]);
  });

  test('differs from a row that says something else, not from one that spells it otherwise', () => {
    const row = { id: '1', name: 'K', minor: 5, soldAt: '2026-01-01T00:00:00.000Z' };
    expect(differingColumns(kettles, { ...row, soldAt: '2026-01-01T01:00:00+01:00' }, row)).toEqual([]);
    expect(differingColumns(kettles, { ...row, minor: 6 }, row)).toEqual(['minor']);
    expect(differingColumns(kettles, null, row)).toEqual(['id', 'name', 'minor', 'soldAt']);
  });
});

describe('keys', () => {
  const pairs = defineProjection<
    Kettle,
    Readonly<{ a: string; n: number; at: string; is: boolean }>,
    'a' | 'n' | 'at' | 'is'
  >({
    ...kettles,
    handles: [],
    name: 'pairs',
    table: {
      columns: {
        a: { type: 'text' },
        n: { type: 'integer' },
        at: { type: 'instant' },
        is: { type: 'boolean' },
      },
      key: ['a', 'n', 'at', 'is'],
    },
    keys: () => [],
    origin: () => ({ streams: [] }),
    evolve: () => null,
  });

  test('are read as they are printed', () => {
    const key = { a: 'x,y 100%', n: -3, at: '2026-01-01T00:00:00.000Z', is: true };
    expect(readKey(pairs, printKey(pairs, key))).toEqual({ key });
    expect(readKey(kettles, printKey(kettles, { id: 'a,b%' }))).toEqual({ key: { id: 'a,b%' } });
  });

  test.each([
    ['', 'a,n,at,is'],
    ['x', 'a,n,at,is'],
    ['x,1,2026-01-01,true,more', 'a,n,at,is'],
    ['x,,2026-01-01,true', 'a,n,at,is'],
    ['%,1,2026-01-01,true', 'a,n,at,is'],
    ['x,1.5,2026-01-01,true', 'n is no whole number'],
    ['x,1,yesterday,true', 'at is no instant'],
    ['x,1,2026-01-01,maybe', 'is is no boolean'],
    ['x\u0000,1,2026-01-01,true', 'a is no text'],
  ])('%j is none', (text, problem) => {
    expect(readKey(pairs, text)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

test('sealed values are masked at any depth', () => {
  expect(masked({ a: 'sealed:v1:x', b: [{ c: 'sealed:v1:y', d: 'plain' }], e: null, f: 1 })).toEqual({
    a: '[sealed]',
    b: [{ c: '[sealed]', d: 'plain' }],
    e: null,
    f: 1,
  });
});

const user = { kind: 'user', id: 'ada' } as const;
const process = { kind: 'process', id: 'checks' } as const;
const at = '2026-01-01T00:00:01.000Z';
const stepOf = (event: RecordedEvent | undefined): Step => stepsTo(event as RecordedEvent)[0] as Step;
const asked: Step = { kind: 'message', name: 'Asked', ref: 'm-1', at };
const answered: Step = { kind: 'message', name: 'Answered', ref: 'm-2', at };

/** Bought by a user; asked, answered and priced by processes; and what a second event of the same came to. */
function chain(): readonly [RecordedEvent, RecordedEvent, RecordedEvent] {
  const by = (metadata: Partial<Metadata>): { metadata: Partial<Metadata> } => ({ metadata });
  const [first] = logOf({ ...bought, ...by({ actor: user, commandId: 'k-1', command: 'Buy' }) });
  const steps = [stepOf(first), asked, answered];
  const [, second] = logOf(bought, {
    ...priced(5),
    ...by({ actor: process, commandId: 'k-2', command: 'Price', causationId: 'm-2', steps }),
  });
  const [, , third] = logOf(bought, bought, {
    ...priced(7),
    ...by({
      actor: process,
      commandId: 'k-3',
      command: 'Price',
      causationId: second?.id ?? '',
      steps: [stepOf(second)],
    }),
  });
  return [first, second, third] as [RecordedEvent, RecordedEvent, RecordedEvent];
}

function among(events: readonly RecordedEvent[]): FindEvents {
  return {
    at: (place) => Promise.resolve(events.find((event) => printPlace(event) === place) ?? null),
    named: (_, id) =>
      Promise.resolve(events.find((event) => event.id === id || event.metadata.commandId === id) ?? null),
  };
}

const said = (nodes: readonly Readonly<{ kind: string; name: string | null; id: string | null }>[]) =>
  nodes.map(({ kind, name, id }) => `${kind} ${name ?? '-'} ${id ?? '-'}`);

describe('causes', () => {
  test('go from command to command back to the request', async () => {
    const events = chain();
    expect(said(await causesOf(events[2], among(events)))).toEqual([
      'command Price k-3',
      'event Priced kettle-1@1',
      'command Price k-2',
      'message Answered m-2',
      'message Asked m-1',
      'event Bought kettle-1@0',
      'command Buy k-1',
      'request - c',
    ]);
    const nodes = await causesOf(events[0], among(events));
    expect(nodes.at(-1)).toMatchObject({ kind: 'request', actor: user });
  });

  test('of a command that had to be accepted first lead through the one it preceded', async () => {
    const [main, ahead] = logOf(
      { ...bought, metadata: { actor: user, commandId: 'k-1', command: 'Buy' } },
      { ...priced(1), metadata: { actor: user, commandId: 'k-0', command: 'Reserve', causationId: 'k-1' } },
    );
    if (main === undefined || ahead === undefined) throw new Error('There are two.');
    expect(said(await causesOf(ahead, among([main, ahead])))).toEqual([
      'command Reserve k-0',
      'command Buy k-1',
      'request - c',
    ]);
  });

  test('of events without steps go by the id of the event; what nobody kept is said to be so', async () => {
    const [first, second, third] = logOf(
      { ...bought, id: 'e-1' },
      { ...priced(1), metadata: { causationId: 'e-1', actor: process } },
      { ...priced(2), metadata: { causationId: 'gone', actor: process } },
    ) as [RecordedEvent, RecordedEvent, RecordedEvent];
    expect(said(await causesOf(second, among([first])))).toEqual([
      'command - spec-command',
      'event Bought kettle-1@0',
      'command - spec-command',
      'request - c',
    ]);
    expect(said(await causesOf(third, among([first])))).toEqual(['command - spec-command', 'cause - gone']);
  });

  test('tell of an event of another tenant only that it was', async () => {
    const [, second] = chain();
    expect(said(await causesOf(second, among([])))).toEqual([
      'command Price k-2',
      'message Answered m-2',
      'message Asked m-1',
      'event Bought -',
    ]);
  });

  test('that turn in a circle end', async () => {
    const [first] = chain();
    const circle = {
      ...first,
      metadata: { ...first.metadata, steps: [stepOf(first)], causationId: first.id },
    };
    expect((await causesOf(circle, among([circle]))).length).toBe(100);
  });
});

describe('effects', () => {
  const tree = (nodes: ReturnType<typeof effectsOf>) =>
    nodes.map(
      ({ depth, kind, name, state }) =>
        `${'  '.repeat(depth)}${kind} ${name ?? '-'}${state === null ? '' : ` (${state})`}`,
    );

  test('are a tree in which ways that begin alike share their beginning', () => {
    const events = chain();
    const { correlationId } = events[0].metadata;
    const waits = { state: 'pending', at, correlationId } as const;
    const waiting: readonly Waiting[] = [
      { ...waits, kind: 'effect', name: 'Again', id: 'x', steps: [stepOf(events[0]), asked] },
      { ...waits, kind: 'timer', name: 'check', id: 't', state: 'waiting', steps: [stepOf(events[0])] },
      { ...waits, kind: 'timer', name: 'elsewhere', id: 'u', steps: [{ ...asked, ref: 'other-1@0' }] },
    ];
    expect(tree(effectsOf(events[0], { events: events.toReversed(), waiting }, 100))).toEqual([
      'message Asked',
      '  message Answered',
      '    command Price',
      '      event Priced',
      '        command Price',
      '          event Priced',
      '  effect Again (pending)',
      'timer check (waiting)',
    ]);
    expect(effectsOf(events[0], { events, waiting }, 3)).toHaveLength(3);
    expect(effectsOf(events[2], { events, waiting: [] }, 100)).toEqual([]);
  });
});

describe('asking', () => {
  const lineage = makeLineage({
    projections: [kettles],
    eventStore: memoryEventStore(),
    forTenant: () => {
      throw new Error('No tenant is asked about.');
    },
    waiting: () => Promise.resolve([]),
  });
  const ask = (more: object) =>
    lineage.explain({ tenantId: 'ours', readModel: 'kettles', key: '1', ...more });

  test('about what there is not names what there is', async () => {
    expect(await ask({ readModel: 'cups' })).toEqual({ is: 'readModelUnknown', known: ['kettles'] });
    expect(await ask({ column: 'colour' })).toEqual({
      is: 'columnUnknown',
      known: ['id', 'name', 'minor', 'soldAt'],
    });
    expect(await ask({ key: '' })).toMatchObject({ is: 'keyMalformed' });
  });
});
