/** How pauses between attempts grow. */
export type BackOff = Readonly<{ firstMs: number; maxMs: number }>;

export const defaultBackOff: BackOff = { firstMs: 100, maxMs: 30_000 };

/**
 * The pause before the next attempt: doubles from `firstMs` up to `maxMs`, of which the upper half is jitter, so that
 * consumers that failed together do not come back together.
 * @param attempt 1 after the first failure
 * @param random 0 … 1
 */
export function pauseMs(attempt: number, backOff: BackOff, random: number): number {
  const whole = Math.min(backOff.maxMs, backOff.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(whole / 2 + (whole / 2) * random);
}
