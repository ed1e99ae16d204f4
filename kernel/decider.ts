import type { Event } from './event.ts';

/** A refusal in the domain's own words. It reaches the caller as a problem document with this `code`. */
export type Rejection<Code extends string = string> = Readonly<{
  code: Code;
  /** One sentence for people; holds no secret and nobody else's data. */
  detail: string;
  /** Facts the caller can act on, such as the id of the thing that is in the way. */
  about?: Readonly<Record<string, string | number>>;
}>;

/** What a command leads to: events to record (none: it holds already), or a refusal. */
export type Decision<E, R extends Rejection = Rejection> =
  Readonly<{ ok: true; events: readonly E[] }> | Readonly<{ ok: false; rejection: R }>;

/** Accepts a command. Without events it is an idempotent no-op. */
export function accept<E>(...events: readonly E[]): { readonly ok: true; readonly events: readonly E[] } {
  return { ok: true, events };
}

/** Refuses a command; nothing is recorded. */
export function reject<R extends Rejection>(rejection: R): { readonly ok: false; readonly rejection: R } {
  return { ok: false, rejection };
}

/**
 * The business rules of one kind of stream. Pure and synchronous: time, ids and randomness come with the command.
 * `evolve` covers every event of the type, so that a missing case does not compile; it accepts any order of them.
 */
export type Decider<C, E extends Event, S, R extends Rejection = Rejection> = Readonly<{
  /** First part of the names of its streams. */
  category: string;
  initialState: () => S;
  evolve: (state: S, event: E) => S;
  decide: (command: C, state: S) => Decision<E, R>;
}>;

/** The state after a history. */
export function fold<E extends Event, S>(
  decider: Pick<Decider<never, E, S>, 'initialState' | 'evolve'>,
  history: Iterable<E>,
): S {
  let state = decider.initialState();
  for (const event of history) state = decider.evolve(state, event);
  return state;
}
