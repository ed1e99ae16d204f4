/** Failures as sentences for people, with what to do and the exit code that says the same to scripts. */
import { toldFailure } from '@daybook/infra/database/connection.ts';
import { isDaybookError, type DaybookError, type ErrorCode } from '@daybook/kernel/errors.ts';

/**
 * `failed`: something broke · `usage`: the invocation makes no sense · `configuration`: a setting is missing or wrong
 * · `folder`: the data folder cannot be used or is in use · `port`: the port is taken · `forced`: a second signal came
 * (128 + SIGINT, as shells count it), or the first one in the middle of a command · `unread`: nobody reads the output any
 * more (128 + SIGPIPE).
 */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  configuration: 3,
  folder: 4,
  port: 5,
  forced: 130,
  unread: 141,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What a person should read about a failure, and how the process should end. */
export type Told = Readonly<{ sentence: string; code: ExitCode }>;

/** Tells of anything thrown. A bug keeps its stack, everything else is a sentence. */
export function tell(error: unknown): Told {
  if (isDaybookError(error)) return tellPlatform(error);
  const { code, port } = error as { code?: string; port?: number };
  if (code === 'EADDRINUSE') {
    return {
      sentence: `Port ${String(port)} is in use by another program. Choose another with --port or PORT, or stop that program.`,
      code: exitCodes.port,
    };
  }
  if (code === 'EACCES' && port !== undefined) {
    return {
      sentence: `Port ${String(port)} may not be opened by this user. Choose one above 1023 with --port or PORT.`,
      code: exitCodes.port,
    };
  }
  if (!(error instanceof Error)) return { sentence: String(error), code: exitCodes.failed };
  return { sentence: error.stack ?? error.message, code: exitCodes.failed };
}

/** Failures whose message says what to do. */
const toldByItself: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'maintenance-refused',
  'backup-invalid',
  'log-mismatch',
  'topic-lost',
]);

function tellPlatform(error: DaybookError): Told {
  const { code, message, fields } = error;
  if (fields['reason'] === 'EADDRINUSE' || fields['reason'] === 'EACCES') {
    if (fields['port'] !== undefined) {
      return tell(Object.assign(new Error(message), { code: fields['reason'], port: fields['port'] }));
    }
  }
  if (code === 'configuration-invalid') {
    return { sentence: `${message}${remedy(error)}${settingsHint(error)}`, code: exitCodes.configuration };
  }
  if (code === 'partition-mismatch') return { sentence: message, code: exitCodes.configuration };
  if (toldByItself.has(code)) {
    return { sentence: message, code: exitCodes.failed };
  }
  if (code === 'data-folder-unusable') return { sentence: message, code: exitCodes.folder };
  if (code === 'unavailable' || code === 'timeout') {
    return { sentence: `${message}${reason(error)}${remedy(error) || lookCloser}`, code: exitCodes.failed };
  }
  return { sentence: `${message}${reason(error)} (${code})`, code: exitCodes.failed };
}

const lookCloser = '\nIs it up, and does the configuration name it? "daybook doctor" looks closer.';

/** What to do about it, on a line of its own; empty where that is not known. */
function remedy(error: DaybookError): string {
  const todo = error.fields['todo'] ?? toldFailure(error)?.todo;
  return todo === undefined ? '' : `\n→ ${String(todo)}`;
}

/** Where settings are described; what else does not fit says itself what to do. */
function settingsHint({ fields }: DaybookError): string {
  if (fields['problems'] === undefined) return '';
  return '\nSee docs/reference/configuration.md for every variable; "daybook doctor" checks them.';
}

/** The innermost message of what caused it; of several causes at once, each one's. */
function reason(error: DaybookError): string {
  if (toldFailure(error)?.complete === true) return '';
  let cause: unknown = error.cause;
  let text = '';
  while (cause instanceof Error) {
    const message = cause instanceof AggregateError ? messagesOf(cause) : cause.message;
    if (message !== '') text = ` ${message}`;
    cause = cause.cause;
  }
  return text;
}

/** Node tells of every address of a host that it tried, and of them together nothing. */
function messagesOf({ errors, message }: AggregateError): string {
  const each = errors.map((error) => (error instanceof Error ? error.message : '')).filter(Boolean);
  return each.length === 0 ? message : each.join(', ');
}
