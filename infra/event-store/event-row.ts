import type pg from 'pg';
import type { Metadata, RecordedEvent, StreamName } from '@daybook/kernel/event.ts';
import { instant } from '../database/database.ts';
import { toPosition } from './position.ts';

/** Columns in the order of `EventRow`. */
export const eventColumns = 'position, revision, recorded_at, id, stream, type, data, metadata';

/** A row as the server sends it, every value text. */
export type EventRow = readonly [
  position: string,
  revision: string,
  recordedAt: string,
  id: string,
  stream: string,
  type: string,
  data: string,
  metadata: string,
];

const asText = (value: string): string => value;

/** Leaves every value as text: the decoding below knows the columns, and is faster than a look-up for each value. */
export const textTypes: pg.CustomTypesConfig = {
  getTypeParser: () => asText as never,
};

/** Events of rows, in the rows' order. */
export function toEvents(rows: readonly EventRow[]): RecordedEvent[] {
  // Events of one group have (nearly) one time: most rows repeat the text of the one before.
  let lastText = '';
  let recordedAt = '';
  return rows.map((row) => {
    if (row[2] !== lastText) {
      lastText = row[2];
      recordedAt = instant(lastText);
    }
    return {
      id: row[3],
      type: row[5],
      data: JSON.parse(row[6]) as object,
      metadata: JSON.parse(row[7]) as Metadata,
      stream: row[4] as StreamName,
      revision: Number(row[1]),
      position: toPosition(row[0]),
      recordedAt,
    };
  });
}
