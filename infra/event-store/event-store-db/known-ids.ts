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
  /** Takes in events of a stream where they continue what is known of it. */
  see(stream: StreamName, events: readonly Pick<RecordedEvent, 'id' | 'revision' | 'position'>[]): void;
}>;

/** Ids kept at most, over all streams: some 150 bytes each. */
const mostIds = 500_000;

/** Of the streams used last, with `most` ids in all; a stream larger than that is kept while it is the last one used. */
export function knownIds(most = mostIds): KnownIds {
  const streams = new Map<StreamName, KnownStream>();
  let count = 0;

  function of(stream: StreamName): KnownStream {
    const known = streams.get(stream) ?? { upTo: -1, places: new Map<string, Place>() };
    // The stream used longest ago makes room.
    streams.delete(stream);
    streams.set(stream, known);
    return known;
  }

  return {
    of,
    see: (stream, events) => {
      const known = of(stream);
      for (const { id, revision, position } of events) {
        if (revision !== known.upTo + 1) continue;
        known.upTo = revision;
        known.places.set(id, { revision, position });
        count += 1;
      }
      for (const [name, oldest] of streams) {
        if (count <= most || name === stream) break;
        streams.delete(name);
        count -= oldest.places.size;
      }
    },
  };
}
