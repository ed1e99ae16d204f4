import type { Effect } from '@daybook/kernel/process.ts';

/** What a process is told: the effects it answers with, and whose they are. */
export type Told = Readonly<{
  alarm: string;
  effects: readonly Effect[];
  tenantId?: string;
  /** Correlation id of the input. */
  correlationId?: string;
}>;

/** A timer that fired, as the process was given it and committed it. */
export type Fired = Readonly<{
  tenantId: string;
  alarm: string;
  timer: string;
  inputId: string;
  /** ISO 8601, UTC: for when it was set. */
  dueAt: string;
  /** ISO 8601, UTC, by the engine's clock. */
  firedAt: string;
  correlationId: string;
}>;

/** A loop that fires timers; several may run. */
export type TimerLoop = Readonly<{ stop(): Promise<void> }>;

/** Timers of one process whose instances are alarms: they do what they are told, and tell of each timer that fires. */
export type TimersSubject = Readonly<{
  /** Takes inputs in, in order, in one transaction. */
  tell(...told: readonly Told[]): Promise<void>;
  /** ISO 8601, UTC: the engine's clock, moved by so many milliseconds. */
  clock(movedByMs?: number): Promise<string>;
  /** Starts a loop, as another process has it. Stopped with the subject. */
  loop(): TimerLoop;
  /** Cuts every connection of the loops, in whatever they are doing. */
  cut(): Promise<void>;
  /** Everything that fired, in the order of its commits. */
  fired(): Promise<readonly Fired[]>;
  /** When the timers that wait are due; ISO 8601, UTC. */
  waiting(): Promise<readonly string[]>;
  /** How long a clause waits for what must come. */
  patienceMs: number;
}>;

/** Name of a timer at whose firing the process throws. */
export const brokenTimer = 'broken';

export const wake = (timer: string, at: string): Effect => ({ kind: 'wake', timer, when: { at } });
export const cancelWake = (timer: string): Effect => ({ kind: 'cancelWake', timer });
