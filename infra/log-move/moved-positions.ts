import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { Pair } from './read-in-step.ts';

/** What positions of a log are in its copy. Only those that were asked for are known. */
export type MovedPositions = Readonly<{
  /** Of the last event at or before a position. @throws TypeError for one that nobody asked for */
  at(position: Position): Position;
  /** Of the last event before a position. @throws TypeError for one that nobody asked for */
  before(position: Position): Position;
  /** Of the last event before the first that was recorded at a time or later. */
  beforeTime: Position;
}>;

/** Learns positions while both logs are read, from beginning to end. */
export type PositionLearner = Readonly<{
  see(pair: Pair): void;
  /** Once both were read. */
  learned(): MovedPositions;
}>;

/** @param since ISO 8601, for `beforeTime` */
export function learnPositions(wanted: readonly Position[], since: string): PositionLearner {
  const left = [...new Set(wanted)].sort();
  const at = new Map<Position, Position>();
  const before = new Map<Position, Position>();
  let last: Position = beginning;
  let beforeTime: Position | undefined;
  const passUpTo = (source: Position | undefined): void => {
    for (let [next] = left; next !== undefined && (source === undefined || next < source); [next] = left) {
      at.set(next, last);
      if (!before.has(next)) before.set(next, last);
      left.shift();
    }
  };
  const known = (places: ReadonlyMap<Position, Position>, position: Position): Position => {
    const found = places.get(position);
    if (found === undefined) throw new TypeError('A position that was not looked for.');
    return found;
  };
  return {
    see: ({ source, target, recordedAt }) => {
      passUpTo(source);
      if (left[0] === source) before.set(source, last);
      if (recordedAt >= since) beforeTime ??= last;
      last = target;
    },
    learned: () => {
      passUpTo(undefined);
      return {
        at: (position) => known(at, position),
        before: (position) => known(before, position),
        beforeTime: beforeTime ?? last,
      };
    },
  };
}
