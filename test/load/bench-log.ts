import type { Log } from '@daybook/kernel/ports/outside.ts';

/** Keeps quiet about all but warnings and errors: a run in which something went wrong says so. */
export const benchLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message, fields) => {
    say('warning', message, fields);
  },
  error: (message, fields) => {
    say('error', message, fields);
  },
  with: () => benchLog,
};

function say(level: string, message: string, fields: object | undefined): void {
  process.stdout.write(`  ${level}: ${message} ${JSON.stringify(fields ?? {})}\n`);
}
