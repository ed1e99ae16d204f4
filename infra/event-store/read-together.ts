import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { coalesced } from '../database/coalesced.ts';
import { eventColumns, toEvents, type EventRow } from './event-row.ts';

/** The next events of one stream, in revision order. */
export type StreamRead = Readonly<{ stream: string; from: number; size: number }>;

/** Runs a named statement and answers with its rows, every value text. */
export type RunStatement = (name: string, text: string, values: unknown[]) => Promise<readonly StreamRow[]>;

export type StreamRow = readonly [...EventRow, number: string];

const text = `
  select ${eventColumns}, wanted.number
  from unnest($1::text[], $2::integer[], $3::integer[]) with ordinality wanted (name, first, size, number)
  cross join lateral (
    select * from log.events where stream = wanted.name and revision >= wanted.first
    order by revision limit wanted.size
  ) e
  order by wanted.number, revision`;

/**
 * Reads of streams that are asked for at the same time go to the server in one statement: a command reads one stream or
 * two, mostly short ones, and a statement costs more than such a stream.
 */
export function readTogether(run: RunStatement): (read: StreamRead) => Promise<RecordedEvent[]> {
  return coalesced<StreamRead, RecordedEvent[]>(
    async (reads) => {
      const rows = await run('log.read-streams', text, [
        reads.map(({ stream }) => stream),
        reads.map(({ from }) => from),
        reads.map(({ size }) => size),
      ]);
      const found: EventRow[][] = reads.map(() => []);
      for (const row of rows) found[Number(row[8]) - 1]?.push(row as unknown as EventRow);
      return found.map(toEvents);
    },
    { maxItems: 64 },
  );
}
