import type { CommandDelivery } from '@daybook/kernel/ports/outside.ts';
import type { Metadata, RecordedEvent } from '@daybook/kernel/event.ts';
import {
  stepsTo,
  type AnyProcess,
  type Effect,
  type TimerDue,
  type TopicMessage,
} from '@daybook/kernel/process.ts';
import { effectIdOf, timerInputId } from './derived-ids.ts';
import { nextOccurrence } from './next-occurrence.ts';

/** An instance of a process; instances of different tenants never meet, whatever their ids. */
export type InstanceName = Readonly<{ tenantId: string; instanceId: string }>;

export type ProcessInput = RecordedEvent | TopicMessage | TimerDue;

/** An input on its way to an instance. */
export type RoutedInput = InstanceName &
  Readonly<{ input: ProcessInput; to: 'start' | 'continue' | 'startOrContinue' }>;

/** Effects that leave the process: what the dispatcher does. */
export type OutwardEffect = Extract<Effect, { kind: 'send' | 'publish' | 'call' }>;

export type NewEffect = InstanceName &
  Readonly<{ id: string; effect: OutwardEffect; metadata: CommandDelivery }>;

export type NewTimer = InstanceName &
  Readonly<{ timer: string; dueAt: string; inputId: string; metadata: CommandDelivery }>;

/** What inputs make of instances. */
export type ProcessChanges = Readonly<{
  /** States that are new (`fresh`) or changed. */
  states: readonly (InstanceName & Readonly<{ state: unknown; fresh: boolean }>)[];
  /** Instances that are to be forgotten. */
  gone: readonly InstanceName[];
  /** Timers to remove before others are set; without a name all of the instance. */
  removed: readonly (InstanceName & Readonly<{ timer: string | null }>)[];
  timers: readonly NewTimer[];
  effects: readonly NewEffect[];
}>;

/** Where inputs go. Types that the process does not handle, and inputs it ignores, go nowhere. */
export function routed(
  process: AnyProcess,
  inputs: readonly (RecordedEvent | TopicMessage)[],
): readonly RoutedInput[] {
  return inputs.flatMap((input) => {
    if (!process.handles.has(input.type)) return [];
    const route = process.route(input);
    const { tenantId } = input.metadata;
    return route.to === 'ignore' ? [] : [{ input, tenantId, instanceId: route.id, to: route.to }];
  });
}

/** Names an instance in a map. U+0000 cannot stand in a text of PostgreSQL. */
export function instanceKey({ tenantId, instanceId }: InstanceName): string {
  return `${tenantId}\u0000${instanceId}`;
}

type Draft = InstanceName & {
  stored: boolean;
  running: boolean;
  changed: boolean;
  state: unknown;
  /** All timers that are stored are to be removed. */
  forgetTimers: boolean;
  /** Timers set (or null: cancelled) since. */
  timers: Map<string, NewTimer | null>;
};

/**
 * Takes inputs through their instances, in order. Pure: time comes with it.
 * @param stored states of the instances that exist, by `instanceKey`
 * @param now ISO 8601: the database's clock, from which schedules count
 */
export function stepAll(
  process: AnyProcess,
  inputs: readonly RoutedInput[],
  stored: ReadonlyMap<string, Readonly<{ state: unknown }>>,
  now: string,
): ProcessChanges {
  const drafts = new Map<string, Draft>();
  const effects: NewEffect[] = [];
  for (const routedInput of inputs) {
    const key = instanceKey(routedInput);
    let draft = drafts.get(key);
    if (draft === undefined) drafts.set(key, (draft = draftOf(routedInput, stored.get(key))));
    effects.push(...step(process, routedInput, draft, now));
  }
  return { ...changesOf([...drafts.values()]), effects };
}

function draftOf(
  { tenantId, instanceId }: InstanceName,
  stored: Readonly<{ state: unknown }> | undefined,
): Draft {
  return {
    tenantId,
    instanceId,
    stored: stored !== undefined,
    running: stored !== undefined,
    changed: false,
    state: stored?.state,
    forgetTimers: false,
    timers: new Map(),
  };
}

/** Changes the draft; answers with the effects that leave the process. */
function step(
  process: AnyProcess,
  { input, to }: RoutedInput,
  draft: Draft,
  now: string,
): readonly NewEffect[] {
  if (to === 'continue' && !draft.running) return [];
  if (to === 'start' || !draft.running) begin(draft, process.initialState());
  draft.state = process.evolve(draft.state, input);
  draft.changed = true;
  const outward: NewEffect[] = [];
  for (const [index, effect] of process.react(input, draft.state).entries()) {
    const id = effectIdOf(process.name, draft.tenantId, input.id, index);
    const metadata = deliveryOf(process, input, draft.tenantId, id);
    const { tenantId, instanceId } = draft;
    switch (effect.kind) {
      case 'wake':
        draft.timers.set(
          effect.timer,
          timerOf(effect, draft, { id, metadata: withoutTimers(metadata) }, { input, now }),
        );
        break;
      case 'cancelWake':
        draft.timers.set(effect.timer, null);
        break;
      case 'finish':
        finish(draft);
        break;
      case 'send':
      case 'publish':
      case 'call':
        outward.push({ tenantId, instanceId, id, effect, metadata });
    }
  }
  return outward;
}

function begin(draft: Draft, state: unknown): void {
  if (draft.running) finish(draft);
  draft.running = true;
  draft.state = state;
}

function finish(draft: Draft): void {
  draft.running = false;
  draft.state = undefined;
  draft.changed = true;
  draft.forgetTimers = true;
  draft.timers.clear();
}

/** Null where the schedule has no further time. */
function timerOf(
  { timer, when }: Extract<Effect, { kind: 'wake' }>,
  { tenantId, instanceId }: InstanceName,
  { id, metadata }: Readonly<{ id: string; metadata: CommandDelivery }>,
  { input, now }: Readonly<{ input: ProcessInput; now: string }>,
): NewTimer | null {
  // A timer that fires never sets itself for the time it fired for, even where the clock went back since.
  const dueAtLast = input.type === 'TimerDue' ? (input as TimerDue).data.dueAt : now;
  const dueAt = 'at' in when ? when.at : nextOccurrence(when, instanceId, dueAtLast > now ? dueAtLast : now);
  return dueAt === null
    ? null
    : { tenantId, instanceId, timer, dueAt, inputId: timerInputId(id, dueAt), metadata };
}

/** Who does it, and on account of what: the tenant and the correlation are the input's. */
function deliveryOf(
  process: AnyProcess,
  input: ProcessInput,
  tenantId: string,
  effectId: string,
): CommandDelivery {
  const { correlationId, traceparent }: Metadata = input.metadata;
  return {
    tenantId,
    actor: { kind: 'process', id: process.name },
    commandId: effectId,
    correlationId,
    causationId: input.id,
    steps: stepsTo(input),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

/** A timer that sets itself again and again goes back to what first set it, not to each of its former times. */
function withoutTimers(metadata: CommandDelivery): CommandDelivery {
  return metadata.steps === undefined
    ? metadata
    : { ...metadata, steps: metadata.steps.filter(({ kind }) => kind !== 'timer') };
}

function changesOf(drafts: readonly Draft[]): Omit<ProcessChanges, 'effects'> {
  const changed = drafts.filter((draft) => draft.changed);
  const name = ({ tenantId, instanceId }: Draft): InstanceName => ({ tenantId, instanceId });
  return {
    states: changed
      .filter(({ running }) => running)
      .map((draft) => ({ ...name(draft), state: draft.state, fresh: !draft.stored })),
    gone: changed.filter(({ stored, running }) => stored && !running).map(name),
    removed: changed.filter(({ stored }) => stored).flatMap(removedTimers),
    timers: changed
      .filter(({ running }) => running)
      .flatMap((draft) => [...draft.timers.values()].filter((timer) => timer !== null)),
  };
}

function removedTimers({ tenantId, instanceId, forgetTimers, timers }: Draft): ProcessChanges['removed'] {
  const cancelled = [...timers].filter(([, timer]) => timer === null).map(([timer]) => timer);
  return (forgetTimers ? [null] : cancelled).map((timer) => ({ tenantId, instanceId, timer }));
}
