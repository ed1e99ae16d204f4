import type { AnyProjection, ColumnType, Row } from '@daybook/kernel/projection.ts';

/** A key as it was spelled, or what is wrong with the spelling. */
export type ReadKey = Readonly<{ key: Row }> | Readonly<{ problem: string }>;

/**
 * The key of a row as text: the values of its columns in order, with commas between them. A comma, or a percent sign,
 * within one of several values is percent-encoded.
 */
export function printKey({ table }: AnyProjection, key: Row): string {
  const values = table.key.map((column) => String(key[column]));
  return values.length === 1
    ? (values[0] ?? '')
    : values.map((value) => value.replaceAll('%', '%25').replaceAll(',', '%2C')).join(',');
}

/** Reads what `printKey` writes. */
export function readKey({ name, table }: AnyProjection, text: string): ReadKey {
  const parts = table.key.length === 1 ? [text] : text.split(',').map(decoded);
  const spelled = table.key.join(',');
  if (parts.length !== table.key.length || parts.some((part) => part === null || part === '')) {
    return { problem: `Rows of ${name} are named by ${spelled}.` };
  }
  const values = table.key.map((column, index) =>
    valueOf(table.columns[column]?.type ?? 'text', parts[index] ?? ''),
  );
  const wrong = values.findIndex((value) => value === null);
  return wrong === -1
    ? { key: Object.fromEntries(table.key.map((column, index) => [column, values[index]])) }
    : {
        problem: `${table.key[wrong] ?? ''} is no ${words[table.columns[table.key[wrong] ?? '']?.type ?? 'text']}.`,
      };
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

const words: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  integer: 'whole number',
  bigint: 'whole number',
  double: 'number',
  boolean: 'boolean',
  instant: 'instant (ISO 8601)',
  json: 'value to name a row by',
  textArray: 'value to name a row by',
};

/** The value that text spells in a column; null for none. */
function valueOf(type: ColumnType, text: string): string | number | boolean | null {
  switch (type) {
    case 'text':
      // U+0000 stands in no text of PostgreSQL.
      return text.includes('\u0000') ? null : text;
    case 'integer':
    case 'bigint':
      return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
    case 'double':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : null;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : null;
    case 'instant':
      return Number.isNaN(Date.parse(text)) ? null : new Date(text).toISOString();
    case 'json':
    case 'textArray':
      return null;
  }
}
