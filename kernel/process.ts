import type { CommandCall } from './command.ts';
import { printPlace, type Event, type Metadata, type RecordedEvent, type Step } from './event.ts';

/** A message of a topic other than the events topic. */
export type TopicMessage<T extends string = string, D = unknown> = Event<T, D> &
  Readonly<{
    id: string;
    metadata: Metadata;
    /** ISO 8601, UTC: when it was published. */
    recordedAt: string;
  }>;

/** A timer of a process instance fired. Its `id` is the same however often it is delivered. */
export type TimerDue = Readonly<{
  type: 'TimerDue';
  id: string;
  data: Readonly<{ timer: string; dueAt: string }>;
  metadata: Metadata;
  /** ISO 8601, UTC: when it fired (by the database's clock). */
  recordedAt: string;
}>;

/** When to wake: at an instant, or at the next time of a cron schedule after now. */
export type WakeTime =
  | Readonly<{ at: string }>
  | Readonly<{
      /** Five fields: minute, hour, day of month, month, day of week. */
      cron: string;
      /** IANA name. */
      timeZone: string;
      /** Shifts each time by a constant 0 … `spreadMs` - 1 taken from a hash of the instance id. */
      spreadMs: number;
    }>;

/** What a process wants done. The dispatcher does it once its state is committed, at least once, with stable ids. */
export type Effect =
  | Readonly<{ kind: 'send'; call: CommandCall }>
  /** Sets or replaces the instance's timer of that name. */
  | Readonly<{ kind: 'wake'; timer: string; when: WakeTime }>
  | Readonly<{ kind: 'cancelWake'; timer: string }>
  | Readonly<{ kind: 'publish'; topic: string; key: string; message: Event }>
  /** Calls an effect handler of the same capability; what the outside says comes back as a command. */
  | Readonly<{ kind: 'call'; effect: string; input: Readonly<Record<string, unknown>> }>
  /** Forgets the instance: its state and its timers. */
  | Readonly<{ kind: 'finish' }>;

export type Route =
  Readonly<{ to: 'start' | 'continue' | 'startOrContinue'; id: string }> | Readonly<{ to: 'ignore' }>;

/**
 * A process manager: remembers, and answers inputs with effects. Pure: it never does I/O itself, and what time it is
 * comes with the input.
 */
export type Process<I extends RecordedEvent | TopicMessage, S> = Readonly<{
  /** camelCase, unique; also the consumer group. */
  name: string;
  /** The topic it reads; the events topic where absent. */
  topic?: string;
  /** The input types it wants; others are passed over. */
  handles: readonly I['type'][];
  /**
   * What cannot be read is parked, and what follows for its tenant waits (the default), or is passed over and logged: for
   * a process by which what is parked is mended, and which nothing may hold up.
   */
  unreadable?: Unreadable;
  /** `start` begins anew, `continue` needs a running instance (else the input is passed over). */
  route: (input: I) => Route;
  initialState: () => S;
  evolve: (state: S, input: I | TimerDue) => S;
  /** `state` already includes the input. */
  react: (input: I | TimerDue, state: S) => readonly Effect[];
}>;

/** What becomes of messages that cannot be read. */
export type Unreadable = 'park' | 'pass';

type Input = RecordedEvent | TopicMessage;

/** A process with its type parameters closed over. */
export type AnyProcess = Readonly<{
  name: string;
  topic?: string;
  handles: ReadonlySet<string>;
  unreadable: Unreadable;
  route: (input: Input) => Route;
  initialState: () => unknown;
  evolve: (state: unknown, input: Input | TimerDue) => unknown;
  react: (input: Input | TimerDue, state: unknown) => readonly Effect[];
}>;

/** Closes a process over its types. The casts are sound: only handled inputs and its own states are passed in. */
export function defineProcess<I extends Input, S>(process: Process<I, S>): AnyProcess {
  return {
    name: process.name,
    ...(process.topic === undefined ? {} : { topic: process.topic }),
    handles: new Set<string>(process.handles),
    unreadable: process.unreadable ?? 'park',
    route: (input) => process.route(input as I),
    initialState: process.initialState,
    evolve: (state, input) => process.evolve(state as S, input as I | TimerDue),
    react: (input, state) => process.react(input as I | TimerDue, state as S),
  };
}

/** Most steps that are carried on. Only a way that passes topics again and again without an event between has more. */
const mostSteps = 12;

/** The way to what an input leads to: that to the input, and the input itself. A recorded event begins anew. */
export function stepsTo(input: Input | TimerDue): readonly Step[] {
  const { type: name, id: ref, recordedAt: at } = input;
  if ('position' in input) return [{ kind: 'event', name, ref: printPlace(input), at }];
  const before = input.metadata.steps ?? [];
  const step: Step =
    name === 'TimerDue'
      ? { kind: 'timer', name: (input as TimerDue).data.timer, ref, at: (input as TimerDue).data.dueAt }
      : { kind: 'message', name, ref, at };
  return [...before.slice(0, 1), ...before.slice(1).slice(2 - mostSteps), step];
}
