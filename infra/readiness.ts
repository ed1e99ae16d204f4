import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Readiness } from './platform.ts';

/** Looks at one part. Answers with a detail worth showing; a throw means that the part cannot do its work, or waits. */
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
  return readinessOf(Object.fromEntries(await Promise.all(asked)));
}

/** Ready where every part is; degraded where one of them waits. */
export function readinessOf(parts: Readiness['parts']): Readiness {
  const all = Object.values(parts);
  return {
    ready: all.every(({ ready }) => ready),
    ...(all.some((part) => part.degraded === true) ? { degraded: true } : {}),
    parts,
  };
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
    if (!(error instanceof DaybookError)) return { ready: false, detail: 'It failed.' };
    const { message: detail, fields } = error;
    return fields['degraded'] === true ? { ready: true, degraded: true, detail } : { ready: false, detail };
  } finally {
    clearTimeout(timer);
  }
}

/** A failed check, in words. */
export function notReady(message: string): DaybookError {
  return new DaybookError('unavailable', message, { retry: 'later' });
}

/** A part whose work waits for an engine and goes on by itself, in words: requests are answered meanwhile. */
export function degraded(message: string): DaybookError {
  return new DaybookError('unavailable', message, { retry: 'later', fields: { degraded: true } });
}
