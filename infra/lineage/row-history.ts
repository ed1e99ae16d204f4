import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { AnyProjection, ColumnType, Row } from '@daybook/kernel/projection.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import { rowId } from '../runtime/fold-batch.ts';
import type { ColumnChange } from './explanation.ts';

/** An event on a row, with what it changed there. */
export type RowEvent = Readonly<{ event: RecordedEvent; changes: readonly ColumnChange[] }>;

/** What the events of a row come to. */
export type RowHistory = Readonly<{
  /** As the events have it; null where they left none. */
  row: Row | null;
  /** Events that touched the row at all. */
  touched: number;
  /** Those of them that are counted: all, or those that changed the column. */
  total: number;
  lastChanged: Readonly<Record<string, Position>>;
  /** The newest of those, oldest first. */
  newest: readonly RowEvent[];
}>;

/** Folds the events of one row and notes what each of them changes. Holds only the newest, however many there are. */
export type RowFolding = Readonly<{ take: (event: RecordedEvent) => void; history: () => RowHistory }>;

/** Whether an event is one of the tenant's that touch the row. */
export function touchesRow(
  projection: AnyProjection,
  tenantId: string,
  key: Row,
): (event: RecordedEvent) => boolean {
  const id = rowId(projection, tenantId, key);
  return (event) =>
    event.metadata.tenantId === tenantId &&
    projection.handles.has(event.type) &&
    projection.keys(event).some((touched) => rowId(projection, tenantId, touched) === id);
}

/**
 * Begins the history of a row. Events come in the order of the log.
 * @param options.column count and keep only events that changed it
 * @param options.most how many of the newest to keep
 */
export function foldRow(
  projection: AnyProjection,
  key: Row,
  { column, most }: Readonly<{ column?: string; most: number }>,
): RowFolding {
  let row: Row | null = null;
  let touched = 0;
  let total = 0;
  const lastChanged: Record<string, Position> = {};
  const newest: RowEvent[] = [];
  return {
    take: (event) => {
      const before = row;
      row = projection.evolve(before, event, key);
      touched += 1;
      const changes = changesBetween(projection, before, row);
      for (const { column: changed } of changes) lastChanged[changed] = event.position;
      if (column !== undefined && !changes.some((change) => change.column === column)) return;
      total += 1;
      newest.push({ event, changes });
      if (newest.length > most) newest.shift();
    },
    history: () => ({ row, touched, total, lastChanged, newest }),
  };
}

/** What differs between two states of a row, in the order of the columns. No row is one in which all is null. */
function changesBetween(
  { table }: AnyProjection,
  before: Row | null,
  after: Row | null,
): readonly ColumnChange[] {
  if (before === after) return [];
  return Object.keys(table.columns).flatMap((column) => {
    const [old, fresh] = [before?.[column] ?? null, after?.[column] ?? null];
    return isSame(old, fresh) ? [] : [{ column, before: old, after: fresh }];
  });
}

/** Folds copy what they do not change, so that most comparisons end at identity. */
function isSame(a: unknown, b: unknown): boolean {
  return Object.is(a, b) || (isObject(a) && isObject(b) && canonical(a) === canonical(b));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** Columns in which a row of the read model is not what its events say. */
export function differingColumns(
  { table }: AnyProjection,
  shown: Row | null,
  told: Row | null,
): readonly string[] {
  return Object.entries(table.columns)
    .filter(([column, { type }]) => normal(type, shown?.[column]) !== normal(type, told?.[column]))
    .map(([column]) => column);
}

/** Instants are the same however they are spelled. */
function normal(type: ColumnType, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return type === 'instant' ? new Date(value as string).toISOString() : canonical(value);
}
