/**
 * Given – when – then as data. The same list runs purely here, and through real stores and databases in `test/`.
 * The functions answer with a sentence that says what differs, or null: they know no test runner.
 */
import { fold, type Decider, type Rejection } from './decider.ts';
import type { Event, Metadata, RecordedEvent } from './event.ts';
import type { AnyProcess, Effect, TimerDue } from './process.ts';
import type { AnyProjection, Row } from './projection.ts';

export type DeciderSpec<C, E extends Event, R extends Rejection> = Readonly<{
  name: string;
  given: readonly E[];
  when: C;
  /** Exactly these events, nothing, or a refusal with this code. */
  then: readonly E[] | 'nothing' | Readonly<{ rejected: R['code'] }>;
}>;

/** Runs a decider's spec. */
export function checkDecider<C, E extends Event, S, R extends Rejection>(
  decider: Decider<C, E, S, R>,
  spec: DeciderSpec<C, E, R>,
): string | null {
  const decision = decider.decide(spec.when, fold(decider, spec.given));
  const got = decision.ok ? { events: decision.events } : { rejected: decision.rejection.code };
  const expected =
    spec.then === 'nothing' ? { events: [] } : 'rejected' in spec.then ? spec.then : { events: spec.then };
  return differs(expected, got);
}

/** An input of a process or projection spec: type and data, and what else matters to the case. */
export type Given = Event &
  Readonly<{ id?: string; at?: string; stream?: string; metadata?: Partial<Metadata> }>;

export type ProjectionSpec = Readonly<{
  name: string;
  given: readonly Given[];
  /** All rows of one tenant, in key order. */
  then: readonly Row[];
}>;

/** Runs a projection's spec as a pure fold. */
export function checkProjection(projection: AnyProjection, spec: ProjectionSpec): string | null {
  const rows = new Map<string, Row>();
  recorded(spec.given).forEach((event) => {
    if (!projection.handles.has(event.type)) return;
    for (const key of projection.keys(event)) {
      const id = canonical(projection.table.key.map((column) => key[column]));
      const row = projection.evolve(rows.get(id) ?? null, event, key);
      if (row === null) rows.delete(id);
      else rows.set(id, row);
    }
  });
  const got = [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  return differs(spec.then, got);
}

export type ProcessSpec = Readonly<{
  name: string;
  given: readonly (Given | Timer)[];
  when: Given | Timer;
  then: readonly Effect[];
}>;

/** A timer that fires, in place of an input. */
export type Timer = Readonly<{ timer: string; at: string }>;

/** Runs a process's spec on one instance. An input that is passed over has no effects. */
export function checkProcess(process: AnyProcess, spec: ProcessSpec): string | null {
  let state: unknown = null;
  let effects: readonly Effect[] = [];
  for (const item of [...spec.given, spec.when]) {
    effects = [];
    const input = 'timer' in item ? timerDue(item) : recordedOne(item, 0);
    if (input.type === 'TimerDue') {
      if (state === null) continue;
    } else {
      if (!process.handles.has(input.type)) continue;
      const route = process.route(input);
      if (route.to === 'ignore' || (route.to === 'continue' && state === null)) continue;
      if (route.to === 'start' || state === null) state = process.initialState();
    }
    state = process.evolve(state, input);
    effects = process.react(input, state);
    if (effects.some((effect) => effect.kind === 'finish')) state = null;
  }
  return differs(spec.then, effects);
}

/** Given events as a log would hold them: positions and revisions count up, one tenant. */
export function recorded(given: readonly Given[]): readonly RecordedEvent[] {
  return given.map(recordedOne);
}

function recordedOne(given: Given, index: number): RecordedEvent {
  const { id, at, stream, metadata, ...event } = given;
  return {
    ...event,
    id: id ?? `event-${String(index)}`,
    stream: (stream ?? 'spec-1') as RecordedEvent['stream'],
    revision: index,
    position: String(index + 1).padStart(20, '0') as RecordedEvent['position'],
    recordedAt: at ?? '2026-01-01T00:00:00.000Z',
    metadata: { ...specMetadata, ...metadata },
  };
}

function timerDue(timer: Timer): TimerDue {
  return {
    type: 'TimerDue',
    id: `timer-${timer.timer}-${timer.at}`,
    data: { timer: timer.timer, dueAt: timer.at },
    metadata: specMetadata,
    recordedAt: timer.at,
  };
}

const specMetadata: Metadata = {
  schemaVersion: 1,
  tenantId: 'spec-tenant',
  actor: { kind: 'system', id: 'spec' },
  commandId: 'spec-command',
  correlationId: 'spec-correlation',
};

function differs(expected: unknown, got: unknown): string | null {
  const [a, b] = [canonical(expected), canonical(got)];
  return a === b ? null : `expected ${a}\n     got ${b}`;
}

/** JSON with sorted keys, so that equal data gives equal text. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
