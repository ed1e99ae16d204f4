import { setTimeout as sleep } from 'node:timers/promises';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';

/** Pauses between failed attempts: `firstMs` doubled each time up to `mostMs`, then a random half to whole of it. */
export type BackOff = Readonly<{ firstMs: number; mostMs: number }>;

/** The pause after a number of failures in a row; jitter only shortens it, by at most half. */
export function backOffMs({ firstMs, mostMs }: BackOff, failures: number, random = Math.random()): number {
  const whole = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(whole * (0.5 + random / 2));
}

/** Waits; ends early and quietly on abort. */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** Pauses of a loop whose engine is away. */
const engineAway: BackOff = { firstMs: 100, mostMs: 5_000 };

/** Repeats `work` until it succeeds or `signal` aborts; answers undefined only then. */
export async function untilDone<T>(
  what: string,
  work: () => Promise<T>,
  { log, signal }: { log: Log; signal: AbortSignal },
): Promise<T | undefined> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (isDaybookError(error, 'configuration-invalid')) throw error;
      const pauseMs = backOffMs(engineAway, failures);
      log.warn('A part of the runtime failed and tries again.', { what, pauseMs, ...reasonOf(error) });
      await rest(pauseMs, signal);
    }
  }
  return undefined;
}

/**
 * Does parts one after another, answers with what those say that succeed, and hands the failures of others to `onFailure`:
 * one that fails keeps none from its turn.
 */
export async function eachPart<Part extends string>(
  parts: Readonly<Record<Part, () => Promise<number>>>,
  onFailure: (part: string, error: unknown) => void,
): Promise<Partial<Record<Part, number>>> {
  const done: Partial<Record<Part, number>> = {};
  for (const part of Object.keys(parts) as Part[]) {
    try {
      done[part] = await parts[part]();
    } catch (error) {
      onFailure(part, error);
    }
  }
  return done;
}

/** What may be logged of an error: never data. */
export function reasonOf(error: unknown): Readonly<Record<string, unknown>> {
  if (!isDaybookError(error)) return { reason: error instanceof Error ? error.message : 'unknown' };
  return { code: error.code, reason: error.message, ...error.fields };
}
