import { pino, type DestinationStream, type Logger } from 'pino';
import type { Log, LogFields } from '@daybook/kernel/ports/outside.ts';
import { prettyLines } from './pretty-lines.ts';
import { redactFields, redactText } from './redaction.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type PinoLogOptions = Readonly<{
  /** Lines below it are dropped before anything is computed. Default `info`. */
  level?: LogLevel;
  /** Where lines go, one JSON object each. Default: standard output. */
  destination?: DestinationStream;
  /** Short lines for people instead of JSON. Default false. */
  pretty?: boolean;
  /** On every line, such as the service's name. */
  fields?: LogFields;
}>;

/** Characters that are kept of lines which could not be written, until they can; a line has far fewer. */
const mostUnwritten = 16 * 1024 * 1024;

/**
 * The log over pino. Secrets and personal data are taken out by key name and by the look of values before pino sees
 * them. Lines are written synchronously, so that the last one before a death is there. What cannot be written, as on a
 * full disk, is dropped: who logs, often of a failure, does not fail by it.
 */
export function pinoLog(options: PinoLogOptions = {}): Log {
  const destination =
    options.destination ?? pino.destination({ dest: 1, sync: true, maxLength: mostUnwritten });
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.pretty === true ? prettyLines(destination) : destination,
  );
  return overPino(options.fields === undefined ? logger : logger.child(redactFields(options.fields)));
}

function overPino(logger: Logger): Log {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => {
    return (message: string, fields?: LogFields): void => {
      if (!logger.isLevelEnabled(level)) return;
      const written = fields === undefined ? {} : redactFields(fields);
      try {
        logger[level](written, redactText(message));
      } catch {
        // There is nowhere to tell of it.
      }
    };
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => overPino(logger.child(redactFields(fields))),
  };
}
