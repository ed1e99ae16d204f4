import { describe, expect, test } from '@jest/globals';
import { accept, reject, type Decider } from './decider.ts';
import type { Event, RecordedEvent } from './event.ts';
import { defineProcess, type TimerDue } from './process.ts';
import { defineProjection } from './projection.ts';
import { canonical, checkDecider, checkProcess, checkProjection, recorded } from './specification.ts';

type Counted = Event<'Counted', { by: number }> | Event<'Cleared', Record<string, never>>;

const counter: Decider<{ by: number }, Counted, number> = {
  category: 'counter',
  initialState: () => 0,
  evolve: (sum, event) => (event.type === 'Counted' ? sum + event.data.by : 0),
  decide: ({ by }, sum) =>
    by < 0
      ? reject({ code: 'negative', detail: 'Counts go up.' })
      : sum >= 3
        ? accept()
        : accept({ type: 'Counted', data: { by } }),
};

const counted = (by: number): Counted => ({ type: 'Counted', data: { by } });

describe('a decider spec', () => {
  test('holds, or says what differs', () => {
    const name = 'counting';
    expect(checkDecider(counter, { name, given: [], when: { by: 1 }, then: [counted(1)] })).toBeNull();
    expect(checkDecider(counter, { name, given: [counted(3)], when: { by: 1 }, then: 'nothing' })).toBeNull();
    expect(
      checkDecider(counter, { name, given: [], when: { by: -1 }, then: { rejected: 'negative' } }),
    ).toBeNull();
    expect(checkDecider(counter, { name, given: [], when: { by: 1 }, then: 'nothing' })).toContain(
      'expected',
    );
    expect(
      checkDecider(counter, { name, given: [], when: { by: 1 }, then: [counted(1), counted(1)] }),
    ).not.toBeNull();
    expect(
      checkDecider(counter, { name, given: [], when: { by: 1 }, then: { rejected: 'negative' } }),
    ).not.toBeNull();
  });
});

type Total = { counterId: string; sum: number };

const totals = defineProjection<Counted, Total, 'counterId'>({
  name: 'totals',
  version: 1,
  table: { columns: { counterId: { type: 'text' }, sum: { type: 'integer' } }, key: ['counterId'] },
  handles: ['Counted', 'Cleared'],
  keys: ({ stream }) => [{ counterId: stream }],
  evolve: (row, event, { counterId }) =>
    event.type === 'Cleared' ? null : { counterId, sum: (row?.sum ?? 0) + event.data.by },
});

describe('a projection spec', () => {
  test('gives all rows in key order; cleared ones are gone; unknown events change nothing', () => {
    const given = [
      { ...counted(2), stream: 'counter-b' },
      { ...counted(1), stream: 'counter-a' },
      { ...counted(5), stream: 'counter-b' },
      { ...counted(5), stream: 'counter-c' },
      { type: 'Cleared', data: {}, stream: 'counter-c' },
      { type: 'Unheard', data: {} },
    ];
    const then = [
      { counterId: 'counter-a', sum: 1 },
      { sum: 7, counterId: 'counter-b' },
    ];
    expect(checkProjection(totals, { name: 'sums', given, then })).toBeNull();
    expect(checkProjection(totals, { name: 'sums', given, then: [] })).toContain('got');
  });
});

type Remembered = { count: number };

const alarm = defineProcess<RecordedEvent<Counted>, Remembered>({
  name: 'alarm',
  handles: ['Counted', 'Cleared'],
  route: ({ type, stream }) =>
    type === 'Cleared' ? { to: 'continue', id: stream } : { to: 'startOrContinue', id: stream },
  initialState: () => ({ count: 0 }),
  evolve: ({ count }, input: RecordedEvent<Counted> | TimerDue) => ({
    count: input.type === 'Counted' ? count + input.data.by : count,
  }),
  react: (input, { count }) =>
    input.type === 'TimerDue'
      ? [{ kind: 'send', call: { command: 'Ring', input: { count } } }]
      : input.type === 'Cleared'
        ? [{ kind: 'finish' }]
        : [{ kind: 'wake', timer: 'ring', when: { at: '2026-01-02T00:00:00.000Z' } }],
});

describe('a process spec', () => {
  const ring = { timer: 'ring', at: '2026-01-02T00:00:00.000Z' };
  const cleared = { type: 'Cleared', data: {} };

  test('gives the effects of the last input', () => {
    const then = [{ kind: 'send', call: { command: 'Ring', input: { count: 3 } } }] as const;
    expect(
      checkProcess(alarm, { name: 'rings', given: [counted(1), counted(2)], when: ring, then }),
    ).toBeNull();
    expect(checkProcess(alarm, { name: 'rings', given: [counted(1)], when: ring, then })).toContain(
      'expected',
    );
  });

  test('passes over what is not for a running instance', () => {
    for (const when of [ring, cleared, { type: 'Unheard', data: {} }]) {
      expect(checkProcess(alarm, { name: 'rests', given: [], when, then: [] })).toBeNull();
    }
    const given = [counted(1), cleared];
    expect(checkProcess(alarm, { name: 'finished', given, when: ring, then: [] })).toBeNull();
  });

  test('starts anew or ignores as its route says', () => {
    const fresh = defineProcess<RecordedEvent<Counted>, Remembered>({
      name: 'fresh',
      topic: 'elsewhere',
      handles: ['Counted', 'Cleared'],
      route: ({ type }) => (type === 'Cleared' ? { to: 'ignore' } : { to: 'start', id: 'one' }),
      initialState: () => ({ count: 0 }),
      evolve: ({ count }) => ({ count: count + 1 }),
      react: (_, { count }) => [{ kind: 'call', effect: 'say', input: { count } }],
    });
    const once = [{ kind: 'call', effect: 'say', input: { count: 1 } }] as const;
    expect(
      checkProcess(fresh, { name: 'anew', given: [counted(1)], when: counted(1), then: once }),
    ).toBeNull();
    expect(checkProcess(fresh, { name: 'ignored', given: [], when: cleared, then: [] })).toBeNull();
    expect([fresh.topic, alarm.topic]).toEqual(['elsewhere', undefined]);
  });
});

test('recorded inputs count up and keep what the case says', () => {
  const [first, second] = recorded([
    counted(1),
    { ...counted(2), id: 'x', at: '2026-02-01T00:00:00.000Z', metadata: { tenantId: 't' } },
  ]);
  expect([first?.position, second?.position]).toEqual(['00000000000000000001', '00000000000000000002']);
  expect(second).toMatchObject({ id: 'x', recordedAt: '2026-02-01T00:00:00.000Z', revision: 1 });
  expect([first?.metadata.tenantId, second?.metadata.tenantId]).toEqual(['spec-tenant', 't']);
  expect(canonical({ b: [1, { d: 1, c: null }], a: 'x' })).toBe('{"a":"x","b":[1,{"c":null,"d":1}]}');
});
