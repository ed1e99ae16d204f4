/* eslint-disable no-restricted-globals -- Reading and writing instants is pure; asking what time it is would not be. */

/** An instant (ISO 8601, UTC, milliseconds) so many milliseconds later; earlier for a negative number. */
export function later(instant: string, ms: number): string {
  return new Date(Date.parse(instant) + ms).toISOString();
}
