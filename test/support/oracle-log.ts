/** Points 1 to 3 of the oracle: what was acknowledged is stored, the log is whole, the topic holds it. */
import { isDeepStrictEqual } from 'node:util';
import type { RecordedEvent } from '@daybook/kernel/event.ts';

/** A command that was answered with success. */
export type Acked = Readonly<{ tenantId: string; stream: string; position: string }>;

/** An event as a partition of the events topic has it. */
export type Published = Readonly<{ partition: number; event: RecordedEvent }>;

/** 1. What was acknowledged is stored where the answer said. */
export function ackedAreStored(acked: readonly Acked[], events: readonly RecordedEvent[]): readonly string[] {
  const byPosition = new Map<string, RecordedEvent>(events.map((event) => [event.position, event]));
  return acked.flatMap(({ tenantId, stream, position }) => {
    const event = byPosition.get(position);
    const stored = event?.stream === stream && event.metadata.tenantId === tenantId;
    return stored ? [] : [`acknowledged but not stored: ${stream} at ${position}`];
  });
}

/** 2. Streams have no holes, positions only grow, no event is there twice. */
export function logIsWhole(events: readonly RecordedEvent[]): readonly string[] {
  const wrong: string[] = [];
  const revisions = new Map<string, number>();
  const ids = new Set<string>();
  let position = '';
  for (const event of events) {
    const expected = (revisions.get(event.stream) ?? -1) + 1;
    if (event.revision !== expected) {
      wrong.push(`${event.stream} goes from ${String(expected - 1)} to ${String(event.revision)}`);
    }
    revisions.set(event.stream, event.revision);
    if (event.position <= position) wrong.push(`position ${event.position} after ${position}`);
    position = event.position;
    if (ids.has(event.id)) wrong.push(`event ${event.id} is stored twice`);
    ids.add(event.id);
  }
  return wrong;
}

/**
 * 3. The topic holds every stored event, once after dedupe, in order for each key, and nothing else.
 * @param republished a part was published once more after messages were lost: what came between stands before it, and the
 *   order is that of each event's last message
 */
export function topicIsTheLog(
  events: readonly RecordedEvent[],
  published: readonly Published[],
  republished = false,
): readonly string[] {
  const wrong: string[] = [];
  const first = new Map<string, Published>();
  for (const one of published) {
    if (republished) first.delete(one.event.id);
    if (!first.has(one.event.id)) first.set(one.event.id, one);
  }
  const stored = new Map(events.map((event) => [event.id, event]));
  for (const event of events) {
    const { event: copy } = first.get(event.id) ?? {};
    if (copy === undefined) wrong.push(`not published: ${event.type} at ${event.position}`);
    else if (copy.position !== event.position || !isDeepStrictEqual(copy.data, event.data)) {
      wrong.push(`published differently: ${event.type} at ${event.position}`);
    }
  }
  const last = new Map<string, string>();
  for (const { event } of first.values()) {
    if (!stored.has(event.id)) wrong.push(`published but not stored: ${event.id}`);
    const { tenantId } = event.metadata;
    if ((last.get(tenantId) ?? '') >= event.position)
      wrong.push(`${tenantId} is out of order at ${event.position}`);
    last.set(tenantId, event.position);
  }
  return wrong;
}
