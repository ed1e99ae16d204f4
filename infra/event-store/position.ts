import type { Position } from '@daybook/kernel/event.ts';

/** Digits of the largest 64-bit integer and one more, so that code-unit order is numeric order. */
const digits = 20;

/** A store's counter as a position. */
export function toPosition(value: number | string): Position {
  return String(value).padStart(digits, '0') as Position;
}

/** The counter of a position that `toPosition` made. @throws TypeError for any other text */
export function fromPosition(position: Position): number {
  if (!/^\d{20}$/.test(position)) throw new TypeError('A position of another store.');
  return Number(position);
}
