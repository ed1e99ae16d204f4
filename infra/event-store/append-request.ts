import { DaybookError } from '@daybook/kernel/errors.ts';
import type { NewEvent, StreamName } from '@daybook/kernel/event.ts';
import type { Expected, NonEmpty } from '@daybook/kernel/ports/event-store.ts';

/** An event as stores keep it: data and metadata are JSON text from the moment of the append on. */
export type StoredForm = Readonly<{ id: string; type: string; data: string; metadata: string }>;

/** One append, checked and independent of the caller's objects. */
export type AppendRequest = Readonly<{
  stream: StreamName;
  expected: Expected;
  events: readonly StoredForm[];
  /** Length of all texts in UTF-16 code units: near enough to bytes for limits. */
  size: number;
}>;

/** Most events in one append. Keeps a transaction, and a reader's page of it, within bounds. */
export const maxEventsPerAppend = 10_000;

/** Largest append in code units of JSON. PostgreSQL would take 1 GB and hold several copies of it. */
export const maxAppendSize = 32 * 1024 * 1024;

/** Longest stream name: a third of what a PostgreSQL index entry holds in the worst case of UTF-8. */
const maxNameLength = 512;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const streamName = /^[a-z][A-Za-z0-9]*-[^\p{Cc}\p{Cs}]+$/u;
const typeName = /^[A-Za-z][A-Za-z0-9]*$/;

/**
 * Checks an append and takes a copy of it.
 * @throws TypeError for what only a bug can bring here: a malformed stream name, type or expectation, an id that is no
 *   lower-case uuid or stands twice in the batch, data that is not JSON, an empty or oversized batch
 */
export function appendRequest(
  stream: StreamName,
  expected: Expected,
  events: NonEmpty<NewEvent>,
): AppendRequest {
  checkStreamName(stream);
  if (typeof expected === 'number' && !(Number.isSafeInteger(expected) && expected >= 0)) {
    refuse('An expected revision is a whole number from 0.');
  }
  if (!(events.length > 0 && events.length <= maxEventsPerAppend)) {
    refuse(`An append has between 1 and ${String(maxEventsPerAppend)} events.`);
  }
  let size = stream.length;
  const stored = events.map((event) => {
    const form = storedForm(event);
    size += 100 + form.type.length + form.data.length + form.metadata.length;
    return form;
  });
  if (size > maxAppendSize) refuse(`An append has at most ${String(maxAppendSize)} characters of JSON.`);
  if (stored.length > 1 && new Set(stored.map(({ id }) => id)).size < stored.length) {
    refuse('An event id stands twice in one append.');
  }
  return { stream, expected, events: stored, size };
}

/** @throws TypeError for a name that is not `category-id`, or too long */
export function checkStreamName(stream: string): void {
  if (stream.length > maxNameLength || !streamName.test(stream)) refuse('A stream name is category-id.');
}

/** An event's texts, checked as `appendRequest` has it. */
export function storedForm({ id, type, data, metadata }: NewEvent): StoredForm {
  if (!uuid.test(id)) refuse('An event id is a lower-case uuid.');
  if (!typeName.test(type)) refuse('An event type is a name of letters and digits.');
  // JSON.stringify answers undefined for what is not JSON, whatever its type says.
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) refuse('Event data is JSON.');
  return { id, type, data: text, metadata: JSON.stringify(metadata) };
}

function refuse(message: string): never {
  throw new TypeError(message);
}

/** What a closed store answers to appends: another instance may take them. */
export function storeClosed(): DaybookError {
  return new DaybookError('unavailable', 'The event store is closed.', { retry: 'later' });
}
