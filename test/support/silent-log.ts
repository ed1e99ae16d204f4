import type { Log } from '@daybook/kernel/ports/outside.ts';

/** A log that says nothing, for tests that do not ask what is logged. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLog,
};
