import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Readiness } from './platform.ts';

/** Looks at one part. Answers with a detail worth showing; a throw means that the part cannot do its work. */
export type ReadinessCheck = () => Promise<string | undefined>;

/**
 * Asks all parts at once. Details are fit for anybody: messages of known failures, never of unknown ones.
 * @param limitMs how long a part may take to answer
 */
export async function askParts(
  checks: Readonly<Record<string, ReadinessCheck>>,
  limitMs = 2_000,
): Promise<Readiness> {
  const asked = Object.entries(checks).map(
    async ([name, check]) => [name, await ask(check, limitMs)] as const,
  );
  const parts = Object.fromEntries(await Promise.all(asked));
  return { ready: Object.values(parts).every(({ ready }) => ready), parts };
}

async function ask(check: ReadinessCheck, limitMs: number): Promise<Readiness['parts'][string]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => {
      fail(new DaybookError('timeout', 'It does not answer in time.'));
    }, limitMs);
  });
  try {
    const detail = await Promise.race([check(), late]);
    return detail === undefined ? { ready: true } : { ready: true, detail };
  } catch (error) {
    return { ready: false, detail: error instanceof DaybookError ? error.message : 'It failed.' };
  } finally {
    clearTimeout(timer);
  }
}

/** A failed check, in words. */
export function notReady(message: string): DaybookError {
  return new DaybookError('unavailable', message, { retry: 'later' });
}
