import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { touchesRow } from './row-history.ts';
import { eventsAt, type TenantLog } from './tenant-log.ts';

/** Most events that are looked at for one row. */
export type ReadLimits = Readonly<{
  /** Of the row's own streams. */
  ofStreams: number;
  /** Of the handled types, where no stream tells. */
  ofTypes: number;
}>;

/** A stream of 100,000 events takes about a second. */
export const usualLimits: ReadLimits = { ofStreams: 200_000, ofTypes: 20_000 };

const pageSize = 500;

export type RowEventsOptions = Readonly<{
  projection: AnyProjection;
  key: Row;
  tenantId: string;
  eventStore: Pick<EventStore, 'read' | 'at'>;
  log: Pick<TenantLog, 'placesOfTypes'>;
  limits?: ReadLimits;
}>;

/**
 * Reads the events of a row in the order of the log, found as the projection's `origin` says.
 * @param take is given each
 * @returns whether all were read
 */
export async function readRowEvents(
  options: RowEventsOptions,
  take: (event: RecordedEvent) => void,
): Promise<boolean> {
  const { projection, key, tenantId, eventStore, limits = usualLimits } = options;
  const touches = touchesRow(projection, tenantId, key);
  const takeOwn = (event: RecordedEvent): void => {
    if (touches(event)) take(event);
  };
  const origin = projection.origin?.(key);
  if (origin === undefined) return ofTypes(options, undefined, limits.ofTypes, takeOwn);
  if ('since' in origin) return ofTypes(options, origin.since, limits.ofTypes, takeOwn);
  if ('streams' in origin) return ofStreams(origin.streams, options, limits.ofStreams, takeOwn);
  const event = await eventStore.at(origin.position).catch(notIssued);
  if (event !== undefined) takeOwn(event);
  return true;
}

/** A text that no store issued as a position: no event stands there. */
function notIssued(error: unknown): undefined {
  if (error instanceof TypeError) return undefined;
  throw error;
}

async function ofStreams(
  streams: readonly RecordedEvent['stream'][],
  { eventStore }: RowEventsOptions,
  most: number,
  take: (event: RecordedEvent) => void,
): Promise<boolean> {
  const [only, ...others] = streams;
  const waiting: RecordedEvent[] = [];
  let seen = 0;
  for (const stream of streams) {
    for await (const page of eventStore.read(stream, { limit: most + 1 - seen })) {
      seen += page.length;
      // One stream is in the order of the log; several are brought into it.
      if (stream === only && others.length === 0) page.forEach(take);
      else waiting.push(...page);
    }
    if (seen > most) break;
  }
  waiting.sort((a, b) => (a.position < b.position ? -1 : 1)).forEach(take);
  return seen <= most;
}

async function ofTypes(
  { projection, eventStore, log }: RowEventsOptions,
  since: string | undefined,
  most: number,
  take: (event: RecordedEvent) => void,
): Promise<boolean> {
  const types = [...projection.handles];
  let seen = 0;
  for await (const places of log.placesOfTypes(types, { since, pageSize })) {
    for (const event of await eventsAt(eventStore, places)) take(event);
    seen += places.length;
    if (seen >= most) return false;
  }
  return true;
}
