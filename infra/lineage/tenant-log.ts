import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Row } from '@daybook/kernel/projection.ts';

/** Where an event stands in its stream. */
export type EventPlace = Readonly<Pick<RecordedEvent, 'stream' | 'revision'>>;

/** One tenant's read models as lineage needs them: the row itself, and an index over the tenant's part of the log. */
export type TenantLog = Readonly<{
  /** A row as its read model shows it. */
  row: (readModel: string, key: Row) => Promise<Row | null>;
  /** Places of the tenant's events of some types, in the order of the log; those recorded since about a time. */
  placesOfTypes: (
    types: readonly string[],
    options: Readonly<{ since: string | undefined; pageSize: number }>,
  ) => AsyncIterable<readonly EventPlace[]>;
  /** Places of the tenant's events of some correlations, from a position on, in the order of the log. */
  placesOfCorrelations: (
    correlationIds: readonly string[],
    options: Readonly<{ from: Position; most: number }>,
  ) => Promise<readonly EventPlace[]>;
}>;

/** The events at some places; reads that are asked for at once share their statements. */
export async function eventsAt(
  eventStore: Pick<EventStore, 'read'>,
  places: readonly EventPlace[],
): Promise<readonly RecordedEvent[]> {
  const found = await Promise.all(places.map((place) => eventAt(eventStore, place)));
  return found.filter((event) => event !== null);
}

/** The event at a place; null for none. */
export async function eventAt(
  eventStore: Pick<EventStore, 'read'>,
  { stream, revision }: EventPlace,
): Promise<RecordedEvent | null> {
  for await (const [event] of eventStore.read(stream, { from: revision, limit: 1 })) {
    return event?.revision === revision ? event : null;
  }
  return null;
}
