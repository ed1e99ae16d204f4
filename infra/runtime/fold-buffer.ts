import type { Row } from '@daybook/kernel/projection.ts';
import type { ChangedRow, RowChanges, TouchedRow } from './fold-batch.ts';
import { seenRows } from './seen-rows.ts';

type LoadRows = (touched: Iterable<TouchedRow>) => Promise<ReadonlyMap<string, Row>>;

/**
 * Rows between a fold and its table: what was folded and not yet written, what is being written, and some of what was
 * written before, so that a fold over much history reads and writes a row far less often than events touch it.
 */
export type FoldBuffer = Readonly<{
  /** The present state of touched rows, loading those it does not know. */
  present: (touched: Iterable<TouchedRow>) => Promise<ReadonlyMap<string, Row>>;
  /** Takes in what a fold made of rows. */
  take: (changes: RowChanges) => void;
  /** Rows that await their writing. */
  waiting: () => number;
  /** Hands over what is to be written. What was handed over before is in the table by now. */
  drain: () => RowChanges;
}>;

/**
 * @param options.tableWasEmpty rows never seen are not asked for
 * @param options.mostKept rows kept beside those to be written
 */
export function foldBuffer(
  load: LoadRows,
  { tableWasEmpty, mostKept = 20_000 }: Readonly<{ tableWasEmpty: boolean; mostKept?: number }>,
): FoldBuffer {
  /** Least recently touched first; null for a row that is not there. */
  const known = new Map<string, Row | null>();
  const seen = tableWasEmpty ? seenRows() : null;
  let upserts = new Map<string, ChangedRow>();
  let deletes = new Map<string, ChangedRow>();
  let handedOver = new Set<string>();

  function forgetSome(): void {
    let spare = known.size - mostKept;
    for (const id of known.keys()) {
      if (spare <= 0) return;
      spare -= 1;
      if (!upserts.has(id) && !deletes.has(id) && !handedOver.has(id)) known.delete(id);
    }
  }

  function remember(id: string, row: Row | null): void {
    known.delete(id);
    known.set(id, row);
  }

  return {
    present: async (touched) => {
      const result = new Map<string, Row>();
      const missing: TouchedRow[] = [];
      for (const row of touched) {
        const kept = known.get(row.id);
        if (kept === undefined && seen?.has(row.id) !== false) missing.push(row);
        if (kept !== undefined && kept !== null) result.set(row.id, kept);
      }
      if (missing.length === 0) return result;
      for (const [id, row] of await load(missing)) result.set(id, row);
      return result;
    },
    take: (changes) => {
      for (const change of changes.upserts) {
        // A row that is kept was seen; one that is kept as removed may never have been.
        if ((known.get(change.id) ?? null) === null) seen?.add(change.id);
        remember(change.id, change.row);
        deletes.delete(change.id);
        upserts.set(change.id, change);
      }
      for (const change of changes.deletes) {
        remember(change.id, null);
        upserts.delete(change.id);
        deletes.set(change.id, change);
      }
    },
    waiting: () => upserts.size + deletes.size,
    drain: () => {
      const changes = { upserts: [...upserts.values()], deletes: [...deletes.values()] };
      handedOver = new Set([...upserts.keys(), ...deletes.keys()]);
      upserts = new Map();
      deletes = new Map();
      forgetSome();
      return changes;
    },
  };
}
