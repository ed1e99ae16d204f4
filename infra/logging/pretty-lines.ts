import type { DestinationStream } from 'pino';

type Line = Readonly<Record<string, unknown>> & Readonly<{ time?: string; level?: string; message?: string }>;

/** Turns pino's JSON lines into short ones for people: time of day, level, message, fields, then stacks of errors. */
export function prettyLines(destination: DestinationStream): DestinationStream {
  return {
    write: (line: string) => {
      destination.write(pretty(line));
    },
  };
}

function pretty(text: string): string {
  const { time, level, message, ...fields } = JSON.parse(text) as Line;
  const entries = Object.entries(fields);
  const shown = entries.filter(([, value]) => !isError(value)).map(([key, value]) => `${key}=${show(value)}`);
  const errors = entries
    .filter(([, value]) => isError(value))
    .map(([, value]) => showError(value as ErrorLine));
  return `${[(time ?? '').slice(11, 19), (level ?? '').padEnd(5), message ?? '', ...shown].join(' ')}${errors.join('')}\n`;
}

type ErrorLine = Readonly<{ stack: string; cause?: unknown }> & Readonly<Record<string, unknown>>;

function isError(value: unknown): value is ErrorLine {
  return typeof value === 'object' && value !== null && 'stack' in value && typeof value.stack === 'string';
}

function show(value: unknown): string {
  return typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
}

const told = new Set(['name', 'message', 'stack', 'cause']);

function showError(error: ErrorLine): string {
  const { stack, cause } = error;
  const rest = Object.entries(error).filter(([key]) => !told.has(key));
  const about = rest.length === 0 ? '' : ` ${show(Object.fromEntries(rest))}`;
  const [first = '', ...places] = stack.split('\n');
  return `\n  ${[first + about, ...places].join('\n  ')}${isError(cause) ? `\n  caused by${showError(cause)}` : ''}`;
}
