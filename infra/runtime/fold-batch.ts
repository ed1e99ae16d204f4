import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';

/** A row that some events touch, of one tenant. */
export type TouchedRow = Readonly<{ id: string; tenantId: string; key: Row }>;

/** One event on one row. */
export type Touch = Readonly<{ event: RecordedEvent; row: TouchedRow }>;

/** A row to be written, or, by its key, to be removed. */
export type ChangedRow = Readonly<{ id: string; tenantId: string; row: Row }>;

/** What a batch makes of the rows it touches. Only rows that changed. */
export type RowChanges = Readonly<{ upserts: readonly ChangedRow[]; deletes: readonly ChangedRow[] }>;

/** Which rows the events touch, in order of events. Types that the projection does not handle touch none. */
export function touchesOf(projection: AnyProjection, events: readonly RecordedEvent[]): readonly Touch[] {
  const rows = new Map<string, TouchedRow>();
  const touches: Touch[] = [];
  for (const event of events) {
    if (!projection.handles.has(event.type)) continue;
    const { tenantId } = event.metadata;
    for (const key of projection.keys(event)) {
      const id = rowId(projection, tenantId, key);
      let row = rows.get(id);
      if (row === undefined) rows.set(id, (row = { id, tenantId, key }));
      touches.push({ event, row });
    }
  }
  return touches;
}

/**
 * Identity of a row within one table. U+0000 cannot stand in a text of PostgreSQL, so that it separates; an instant in
 * a key is compared as a moment, whatever its spelling.
 */
export function rowId({ table }: AnyProjection, tenantId: string, key: Row): string {
  let id = tenantId;
  for (const property of table.key) {
    const value = key[property];
    id += `\u0000${table.columns[property]?.type === 'instant' ? String(Date.parse(String(value))) : String(value)}`;
  }
  return id;
}

/** Folds the touches in order, starting from the rows as they are stored. */
export function foldBatch(
  projection: AnyProjection,
  touches: readonly Touch[],
  stored: ReadonlyMap<string, Row>,
): RowChanges {
  const present = new Map<string, Row | null>();
  const touched = new Map<string, TouchedRow>();
  for (const { event, row } of touches) {
    const before = present.get(row.id) ?? (present.has(row.id) ? null : (stored.get(row.id) ?? null));
    present.set(row.id, projection.evolve(before, event, row.key));
    touched.set(row.id, row);
  }
  const upserts: ChangedRow[] = [];
  const deletes: ChangedRow[] = [];
  for (const [id, row] of present) {
    const { tenantId, key } = touched.get(id) as TouchedRow;
    const before = stored.get(id) ?? null;
    if (row === before) continue;
    if (row === null) deletes.push({ id, tenantId, row: key });
    else upserts.push({ id, tenantId, row });
  }
  return { upserts, deletes };
}
