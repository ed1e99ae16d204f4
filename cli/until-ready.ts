import { setTimeout as pause } from 'node:timers/promises';
import type { Readiness } from '@daybook/infra/platform.ts';

/**
 * Waits until everything can do its work, such as that read models are shown; at most `limitMs`, since what is missing
 * then is told by `/readyz`.
 */
export async function untilReady(
  ready: () => Promise<Readiness>,
  stopped: AbortSignal,
  limitMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!stopped.aborted && performance.now() < deadline && !(await ready()).ready) await pause(20);
}
