import { basename } from 'node:path';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import { redactText } from '../logging/redaction.ts';

/** Longest text that is kept of a failure. */
const mostText = 400;

/**
 * What is kept of a failure beside what failed: a code, then words. Nothing in it looks like a secret or an address, and
 * of a thrown error its place in the code is told, never what else it carries.
 */
export function failureText(error: unknown): string {
  if (isDaybookError(error)) return redactText(`${error.code}: ${plain(error.message)}`);
  return `failed: ${thrownText(error)}`;
}

/** Kind, message and place of something thrown, in one line. */
export function thrownText(error: unknown): string {
  if (!(error instanceof Error)) return 'something that is no error';
  const message = redactText(plain(error.message));
  const shown = message.length > mostText ? `${message.slice(0, mostText).toWellFormed()}…` : message;
  const place = placeOf(error);
  return `${error.name}: ${shown}${place === undefined ? '' : ` (${place})`}`;
}

/** In one line, and storable: PostgreSQL takes no NUL and no half of a surrogate pair. */
function plain(text: string): string {
  return text.toWellFormed().replaceAll(/[\s\p{Cc}]+/gu, ' ');
}

/** File and line of the first frame that is not of a package or of Node. */
function placeOf({ stack = '' }: Error): string | undefined {
  for (const line of stack.split('\n').slice(1)) {
    const [, file, number] = /\(?((?:file:\/\/)?\/[^():]+\.ts):(\d+):\d+\)?$/.exec(line) ?? [];
    if (file !== undefined && number !== undefined && !file.includes('/node_modules/')) {
      return `${basename(file)}:${number}`;
    }
  }
  return undefined;
}
