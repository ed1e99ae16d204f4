import type { AllStreamRecordedEvent, RecordedEvent as StoredEvent } from '@eventstore/db-client';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Metadata, Position, RecordedEvent, StreamName } from '@daybook/kernel/event.ts';
import { isPosition, toPosition } from '../position.ts';

/** What the store's metadata holds beside ours: for its own pages, and to know one's own append again. */
export type StoredMetadata = Metadata &
  Readonly<{
    /** Under these names EventStoreDB's pages and projections look for them. */
    $correlationId: string;
    $causationId?: string;
  }> &
  WritersNote;

/** What the writer of an event says of the writing. */
export type WritersNote = Readonly<{
  /** One for each call of `append`; what is read back with it was written by that call. */
  appendId?: string;
  /** When another log recorded the event, from which it was moved here: the server knows only when that was. */
  recordedAt?: string;
}>;

/** The metadata to store. */
export function storedMetadata(metadata: Metadata, note: WritersNote): StoredMetadata {
  const { correlationId, causationId } = metadata;
  return {
    ...metadata,
    $correlationId: correlationId,
    ...(causationId === undefined ? {} : { $causationId: causationId }),
    ...note,
  };
}

/** Events of the server itself, such as metadata of streams, and of its plugins, whose types may be any. */
export function isSystemEvent({ type, streamId }: Pick<StoredEvent, 'type' | 'streamId'>): boolean {
  return type.startsWith('$') || streamId.startsWith('$');
}

/** Position of an event, by the log position that its store gives. */
export function positionOf({ position }: Pick<AllStreamRecordedEvent, 'position'>): Position {
  return toPosition(String(position.commit));
}

/** The driver's position of one of ours. */
export function logPosition(position: Position): Readonly<{ commit: bigint; prepare: bigint }> {
  if (!isPosition(position)) throw new TypeError('A position of another store.');
  return { commit: BigInt(position), prepare: BigInt(position) };
}

/** What servers before 23.10 give as the position of an event that is read from its stream. */
const noPosition = 2n ** 64n - 1n;

/** An event of the store as one of ours. @throws DaybookError `configuration-invalid` for a server that is too old */
export function toRecorded(event: StoredEvent): RecordedEvent & Readonly<{ appendId?: string }> {
  const { position } = event as unknown as AllStreamRecordedEvent;
  if (position.commit === noPosition) {
    throw new DaybookError(
      'configuration-invalid',
      'EVENTSTORE_URL names a server that gives no positions with the events of a stream: EventStoreDB 23.10 or later is needed.',
    );
  }
  const {
    $correlationId: _,
    $causationId: __,
    appendId,
    recordedAt = event.created.toISOString(),
    ...metadata
  } = (event.metadata ?? {}) as StoredMetadata;
  return {
    id: event.id,
    type: event.type,
    data: event.data,
    metadata,
    stream: event.streamId as StreamName,
    revision: Number(event.revision),
    position: toPosition(String(position.commit)),
    recordedAt,
    ...(appendId === undefined ? {} : { appendId }),
  };
}
