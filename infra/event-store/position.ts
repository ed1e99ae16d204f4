import type { Position } from '@daybook/kernel/event.ts';

/** Digits of the largest 64-bit integer and one more, so that code-unit order is numeric order. */
const digits = 20;

/** A store's counter as a position. */
export function toPosition(value: number | string): Position {
  return String(value).padStart(digits, '0') as Position;
}

/** Whether a text may be a position of a log. */
export function isPosition(text: unknown): text is Position {
  return typeof text === 'string' && /^\d{20}$/.test(text);
}

/** The counter of a position that `toPosition` made. @throws TypeError for any other text */
export function fromPosition(position: Position): number {
  if (!isPosition(position)) throw new TypeError('A position of another store.');
  return Number(position);
}
