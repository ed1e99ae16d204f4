import type { Log, LogFields } from '@daybook/kernel/ports/outside.ts';
import { redactFields, redactText } from './redaction.ts';

export type LogLine = Readonly<{
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: LogFields;
}>;

/** A log that keeps its lines, redacted as the real one's. */
export type MemoryLog = Log & Readonly<{ lines: readonly LogLine[] }>;

/** A log for tests. What `with` makes writes into the same lines. */
export function memoryLog(): MemoryLog {
  const lines: LogLine[] = [];
  return over(lines, {});
}

function over(lines: LogLine[], own: LogFields): MemoryLog {
  const at = (level: LogLine['level']) => {
    return (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message: redactText(message), fields: redactFields({ ...own, ...fields }) });
    };
  };
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => over(lines, { ...own, ...fields }),
  };
}
