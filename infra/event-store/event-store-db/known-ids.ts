import { LRUCache } from 'lru-cache';
import type { Position, RecordedEvent, Revision, StreamName } from '@daybook/kernel/event.ts';

/** Where an event stands. */
export type Place = Readonly<{ revision: Revision; position: Position }>;

/** The ids of a stream from its beginning up to a revision. */
export type KnownStream = {
  /** Revision of the last event that was seen; -1 before the first. */
  upTo: Revision;
  readonly places: Map<string, Place>;
};

/** Ids of streams as far as this process has seen them. EventStoreDB finds no event by its id. */
export type KnownIds = Readonly<{
  of(stream: StreamName): KnownStream;
  /**
   * Takes in events of a stream where they continue what is known of it.
   * @param known what the caller holds of the stream, which others may have displaced meanwhile
   */
  see(
    stream: StreamName,
    events: readonly Pick<RecordedEvent, 'id' | 'revision' | 'position'>[],
    known?: KnownStream,
  ): void;
}>;

/** Ids kept at most, over all streams: some 150 bytes each. */
const mostIds = 500_000;

/** Of the streams used last, with `most` ids in all; one stream larger than that is kept alone. */
export function knownIds(most = mostIds): KnownIds {
  const streams = new LRUCache<StreamName, KnownStream>({ maxSize: most });
  const of = (stream: StreamName): KnownStream => streams.get(stream) ?? { upTo: -1, places: new Map() };
  return {
    of,
    see: (stream, events, known = of(stream)) => {
      for (const { id, revision, position } of events) {
        if (revision !== known.upTo + 1) continue;
        known.upTo = revision;
        known.places.set(id, { revision, position });
      }
      if (known.upTo < 0) return;
      // A value that is set once more keeps the size that it had.
      streams.delete(stream);
      streams.set(stream, known, { size: Math.min(known.places.size, most) });
    },
  };
}
