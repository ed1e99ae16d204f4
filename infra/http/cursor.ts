import { createHash } from 'node:crypto';
import { invalidInput } from './problems.ts';

/** The values of the columns that a list is sorted by, of the last row of a page. */
export type CursorKey = readonly (string | number | boolean | null)[];

/** What stands at one place of a key: what the column it is compared with can hold. */
export type CursorPart = 'text' | 'number' | 'instant';

/** A page of a list, and where the next one begins; null at the end. */
export type Page<Item> = Readonly<{ items: readonly Item[]; next: string | null }>;

/**
 * Opaque cursors of one list. `scope` is everything that changes what the list holds or its order (sort, filters): a
 * cursor of another scope is refused instead of leading somewhere odd. Cursors hold nothing a caller has not seen, and
 * the tenant never comes from them, so that they need no signature; whoever makes one up names a place in the list at
 * most, since each part has to be of its kind in `parts`.
 */
export function cursors(
  scope: readonly unknown[],
  parts: readonly CursorPart[],
): Readonly<{
  write(key: CursorKey): string;
  /** @throws a problem `input-invalid` for a cursor of another list or none at all */
  read(cursor: string): CursorKey;
}> {
  const mark = createHash('sha256').update(JSON.stringify(scope)).digest('base64url').slice(0, 8);
  return {
    write: (key) => Buffer.from(JSON.stringify([mark, ...key])).toString('base64url'),
    read: (cursor) => {
      const parsed = parse(cursor);
      const key = parsed?.[0] === mark ? parsed.slice(1) : null;
      if (key?.length !== parts.length || !parts.every((part, at) => fits[part](key[at])))
        throw invalidInput([{ field: 'cursor', message: 'Is no cursor of this list.' }]);
      return key;
    },
  };
}

const fits: Readonly<Record<CursorPart, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string' && !value.includes('\0') && value.isWellFormed(),
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  instant: (value) => typeof value === 'string' && isInstant(value),
};

/** As answers print instants, and one that PostgreSQL knows: it has no year 0. */
function isInstant(text: string): boolean {
  const ms = Date.parse(text);
  return /^(?!0000)\d{4}-/.test(text) && !Number.isNaN(ms) && new Date(ms).toISOString() === text;
}

function parse(cursor: string): CursorKey | null {
  if (cursor.length > 2_000 || !/^[\w-]+$/.test(cursor)) return null;
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) && value.every(isPlain) ? value : null;
  } catch {
    return null;
  }
}

function isPlain(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

/** Makes a page of `limit + 1` rows: the one too many only tells that there is more. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
  cursorOf: (row: Row) => string,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(item), next: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}
