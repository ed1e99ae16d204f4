import { createHash } from 'node:crypto';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore, Pages } from '@daybook/kernel/ports/event-store.ts';

type Readable = Pick<EventStore, 'readAll'>;

/** One event, as two logs have it. */
export type Pair = Readonly<{ source: Position; target: Position; recordedAt: string }>;

/** What two logs have in common from their beginning on: all that the target holds. */
export type InStep = Readonly<{
  events: number;
  /** SHA-256, hexadecimal, over ids, types, streams, revisions, times, data and metadata in their order. */
  hash: string;
  /** Of the last event in common, in the source and in the target. */
  source: Position;
  target: Position;
  /** The source ends there too. */
  isWhole: boolean;
}>;

const pageSize = 1_000;

/**
 * Reads two logs side by side, from their beginnings to the end of the target, and compares event by event everything but
 * positions.
 * @throws `maintenance-refused` (fields: number, stream, revision) at the first event of the target that is not the
 *   source's at that place
 */
export async function readInStep(
  source: Readable,
  target: Readable,
  onPair: (pair: Pair) => void = () => undefined,
): Promise<InStep> {
  const hash = createHash('sha256');
  const ofSource = eventsOf(source.readAll({ pageSize }));
  let last: Omit<Pair, 'recordedAt'> = { source: beginning, target: beginning };
  let events = 0;
  try {
    for await (const page of target.readAll({ pageSize })) {
      for (const copy of page) {
        const { value: original } = await ofSource.next();
        const line = lineOf(copy);
        if (original === undefined || lineOf(original) !== line) throw differs(events, copy, original);
        hash.update(line);
        events += 1;
        last = { source: original.position, target: copy.position };
        onPair({ ...last, recordedAt: copy.recordedAt });
      }
    }
    const { value: more } = await ofSource.next();
    return { events, hash: hash.digest('hex'), ...last, isWhole: more === undefined };
  } finally {
    await ofSource.return(undefined);
  }
}

async function* eventsOf(pages: Pages): AsyncGenerator<RecordedEvent, undefined> {
  for await (const page of pages) yield* page;
  return undefined;
}

/** An event as a line of text that does not depend on the order in which a store keeps the fields of JSON. */
export function lineOf(event: Omit<RecordedEvent, 'position'>): string {
  const { id, type, stream, revision, recordedAt, data, metadata } = event;
  const parts = [id, type, stream, revision, recordedAt, inOrder(data), inOrder(metadata)];
  return `${JSON.stringify(parts)}\n`;
}

function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, inOrder(one)]));
}

function differs(number: number, copy: RecordedEvent, original: RecordedEvent | undefined): DaybookError {
  const place = ({ type, stream, revision }: RecordedEvent): string =>
    `${type} ${stream}@${String(revision)}`;
  const instead =
    original === undefined
      ? 'ends before it'
      : place(original) === place(copy)
        ? 'has it with another id, time or content'
        : `has ${place(original)} there`;
  return new DaybookError(
    'maintenance-refused',
    `The log to move to holds what the other one does not: event number ${String(number + 1)} is ${place(copy)}, and the other log ${instead}. It belongs to another installation, or both have grown since one was copied. Name an empty one.`,
    { fields: { number: number + 1, stream: copy.stream, revision: copy.revision } },
  );
}
