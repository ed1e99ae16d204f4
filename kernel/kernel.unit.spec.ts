import { describe, expect, test } from '@jest/globals';
import { defineCommand, type CommandContext } from './command.ts';
import { accept, fold, reject, type Decider } from './decider.ts';
import { DaybookError, errorCodes, isDaybookError, revisionConflict } from './errors.ts';
import {
  beginning,
  latest,
  printPlace,
  readPlace,
  streamCategory,
  streamId,
  type Event,
  type Position,
  type Step,
} from './event.ts';
import { erased, isSealed } from './ports/outside.ts';
import { done } from './ports/topics.ts';
import { stepsTo, type TimerDue, type TopicMessage } from './process.ts';
import { defineQuery } from './query.ts';
import type { Schema } from './schema.ts';
import { recorded } from './specification.ts';

type Lamp = Event<'LampLit', { lampId: string }> | Event<'LampPutOut', { lampId: string }>;
type LampState = { lit: boolean };
type LightLamp = { kind: 'light'; lampId: string };

const lamp: Decider<LightLamp, Lamp, LampState> = {
  category: 'lamp',
  initialState: () => ({ lit: false }),
  evolve: (_, event) => ({ lit: event.type === 'LampLit' }),
  decide: ({ lampId }, { lit }) =>
    lampId === 'broken'
      ? reject({ code: 'lamp-broken', detail: 'The lamp is broken.' })
      : lit
        ? accept()
        : accept({ type: 'LampLit', data: { lampId } }),
};

function anything<T>(): Schema<T> {
  return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as T }) } };
}

const context: CommandContext = {
  tenantId: 'tenant-1',
  actor: { kind: 'user', id: 'user-1' },
  commandId: 'command-1',
  correlationId: 'correlation-1',
  now: '2026-01-01T00:00:00.000Z',
  id: (n) => `id-${String(n)}`,
};

describe('a command definition', () => {
  const base = {
    name: 'LightLamp',
    summary: 'Lights a lamp.',
    method: 'POST',
    path: '/v1/lamps/{lampId}/light',
    status: 200,
    input: anything<{ lampId: string }>(),
    output: anything<{ lampId: string; lit: boolean; by: string }>(),
    decider: lamp,
    streamId: (input: { lampId: string }) => input.lampId,
    command: ({ lampId }: { lampId: string }): LightLamp => ({ kind: 'light', lampId }),
    answer: ({
      streamId: id,
      state,
      context: { tenantId },
    }: {
      streamId: string;
      state: LampState;
      context: CommandContext;
    }) => ({
      lampId: id,
      lit: state.lit,
      by: tenantId,
    }),
  } as const;

  test('closes over its types: prepare, fold, decide, answer', async () => {
    const command = defineCommand({ ...base, access: ['user'], rejections: { 'lamp-broken': 410 } });
    const prepared = await command.prepare({ lampId: '7' }, context);
    const decision = prepared.decide(prepared.initialState());
    expect(decision).toEqual(accept({ type: 'LampLit', data: { lampId: '7' } }));
    const state = prepared.evolve(prepared.initialState(), { type: 'LampLit', data: { lampId: '7' } });
    expect(prepared.decide(state)).toEqual(accept());
    expect(prepared.first(state)).toEqual([]);
    expect(await prepared.answer(state, [])).toEqual({ lampId: '7', lit: true, by: 'tenant-1' });
    expect([prepared.stream, prepared.tenantId]).toEqual(['lamp-7', 'tenant-1']);
    expect([command.category, command.path, command.secretAnswer]).toEqual(['lamp', base.path, false]);
    expect(command.rejections).toEqual({ 'lamp-broken': 410 });
  });

  test('acts in the tenant it names, or for public ones in that of the stream', async () => {
    const found = defineCommand({ ...base, access: 'public' });
    expect((await found.prepare({ lampId: '7' }, context)).tenantId).toBeUndefined();
    const { path, ...internal } = base;
    const named = defineCommand({
      ...internal,
      access: 'internal',
      secretAnswer: true,
      tenantId: () => 'system',
      first: ({ lampId }) => [{ command: 'BuyOil', input: { lampId } }],
    });
    const prepared = await named.prepare({ lampId: '7' }, context);
    expect(prepared.tenantId).toBe('system');
    expect(prepared.first({ lit: false })).toEqual([{ command: 'BuyOil', input: { lampId: '7' } }]);
    expect([named.path, named.secretAnswer, path.length > 0]).toEqual([undefined, true, true]);
  });
});

test('a state is the fold of its history', () => {
  const history: Lamp[] = [
    { type: 'LampLit', data: { lampId: '7' } },
    { type: 'LampPutOut', data: { lampId: '7' } },
  ];
  expect(fold(lamp, history)).toEqual({ lit: false });
  expect(fold(lamp, history.slice(0, 1))).toEqual({ lit: true });
});

test('errors are recognised by their brand and code', () => {
  const conflict = revisionConflict('lamp-7', 'no-stream', 3);
  expect(conflict).toMatchObject({
    retry: 'now',
    fields: { stream: 'lamp-7', expected: 'no-stream', actual: 3 },
  });
  expect([isDaybookError(conflict), isDaybookError(conflict, 'timeout')]).toEqual([true, false]);
  expect([isDaybookError(new Error('x')), isDaybookError('x')]).toEqual([false, false]);
  const cause = new Error('wire cut');
  expect(new DaybookError('unavailable', errorCodes.unavailable, { cause }).cause).toBe(cause);
  expect(new DaybookError('timeout', 'Late.')).toMatchObject({ retry: 'never', fields: {} });
});

test('names and positions', () => {
  expect([streamCategory('lamp-7-a'), streamId('lamp-7-a')]).toEqual(['lamp', '7-a']);
  const five = '00000000000000000005' as Position;
  expect(latest(five, beginning)).toBe(five);
  expect(latest()).toBe(beginning);
  expect([isSealed('sealed:v1:x'), isSealed(erased), isSealed(7)]).toEqual([true, false, false]);
  expect(done).toEqual({ do: 'done' });
});

test('a query definition keeps what it is', async () => {
  const query = defineQuery<null, { id: string }, { id: string }>({
    name: 'lamp',
    summary: 'One lamp.',
    access: ['user'],
    path: '/v1/lamps/{id}',
    input: anything(),
    output: anything(),
    reads: ['lamps'],
    run: (_, { id }) => Promise.resolve({ id }),
  });
  expect(
    await query.run(null, { id: '7' }, { tenantId: 't', actor: context.actor, role: null, now: context.now }),
  ).toEqual({ id: '7' });
});

describe('the way from an event to a command', () => {
  const [event] = recorded([
    {
      type: 'LampLit',
      data: {},
      stream: 'lamp-a-1',
      at: '2026-01-01T00:00:00.000Z',
      metadata: { steps: [] },
    },
  ]);
  if (event === undefined) throw new Error('There is no event.');
  const ofEvent: Step = { kind: 'event', name: 'LampLit', ref: 'lamp-a-1@0', at: event.recordedAt };
  const message = (id: string, steps?: readonly Step[]): TopicMessage => ({
    type: 'Seen',
    id,
    data: {},
    recordedAt: '2026-01-01T00:00:01.000Z',
    metadata: { ...event.metadata, ...(steps === undefined ? {} : { steps }) },
  });

  test('begins anew at each event, whatever led to it', () => {
    expect(stepsTo(event)).toEqual([ofEvent]);
  });

  test('goes on through messages and timers', () => {
    const due: TimerDue = {
      ...message('timer-1', [ofEvent]),
      type: 'TimerDue',
      data: { timer: 'check', dueAt: '2026-01-02T00:00:00.000Z' },
    };
    const ofTimer: Step = {
      kind: 'timer',
      name: 'check',
      ref: 'timer-1',
      at: '2026-01-02T00:00:00.000Z',
    };
    expect(stepsTo(due)).toEqual([ofEvent, ofTimer]);
    expect(stepsTo(message('m', [ofEvent, ofTimer])).map(({ ref }) => ref)).toEqual([
      'lamp-a-1@0',
      'timer-1',
      'm',
    ]);
    expect(stepsTo(message('m'))).toHaveLength(1);
  });

  test('that turns in a circle keeps its beginning and its last steps', () => {
    let steps: readonly Step[] = [ofEvent];
    for (let turn = 0; turn < 40; turn += 1) steps = stepsTo(message(`m${String(turn)}`, steps));
    expect(steps).toHaveLength(12);
    expect([steps[0], steps[1]?.ref, steps[11]?.ref]).toEqual([ofEvent, 'm29', 'm39']);
  });

  test('names events by their place', () => {
    expect(readPlace(printPlace({ stream: 'lamp-a@b-1', revision: 12 }))).toEqual({
      stream: 'lamp-a@b-1',
      revision: 12,
    });
    expect(['', 'lamp@1', 'lamp-1', '-1@2', 'a-b@-1', 'a-b@1.5'].map(readPlace)).toEqual(
      Array.from({ length: 6 }, () => null),
    );
  });
});
