import { randomUUID } from 'node:crypto';
import { type NewEvent, type Position, type StreamName } from '@daybook/kernel/event.ts';
import type { EventStore, Expected, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import { concurrently, type Sample } from './measure.ts';
import { eventIdOf } from '@daybook/infra/runtime/derived-ids.ts';
import { sampleEvent } from './sample-events.ts';

/** Appends a stream gets before its caller turns to another. */
const appendsPerStream = 10;

/**
 * Appends with an optimistic check, by callers that each write streams of their own; afterwards reads what was stored
 * and holds it against what was acknowledged.
 * @param perAppend events in each append
 * @throws Error where something is lost, doubled or out of order
 */
export async function appendLoad(
  store: EventStore,
  callers: number,
  durationMs: number,
  perAppend = 1,
): Promise<Sample> {
  const before = await store.head();
  const acknowledged: NewEvent[][] = [];
  const free: { stream: StreamName; expected: Expected }[] = [];
  const { perSecond, latenciesMs } = await concurrently(callers, durationMs, async () => {
    const own = free.pop() ?? { stream: `product-${randomUUID()}` as const, expected: 'no-stream' };
    const events = sampleEvents(perAppend);
    const { revision } = await store.append(
      own.stream,
      own.expected,
      events as unknown as NonEmpty<NewEvent>,
    );
    acknowledged.push(events);
    if (revision < appendsPerStream * perAppend - 1) free.push({ stream: own.stream, expected: revision });
  });
  await judgeAppends(store, before, acknowledged.flat());
  return { figure: perSecond * perAppend, latenciesMs };
}

/** With ids as a command gives them to what it records. */
function sampleEvents(count: number): NewEvent[] {
  const first = sampleEvent();
  const rest = Array.from({ length: count - 1 }, (_, n) => ({
    ...sampleEvent(),
    id: eventIdOf(first.id, n + 1),
  }));
  return [first, ...rest];
}

/** Everything acknowledged is stored once; streams have no holes; positions increase. */
async function judgeAppends(
  store: EventStore,
  after: Position,
  acknowledged: readonly NewEvent[],
): Promise<void> {
  const missing = new Set(acknowledged.map(({ id }) => id));
  const last = new Map<string, number>();
  let position = after;
  let stored = 0;
  for await (const page of store.readAll({ after, pageSize: 2_000 })) {
    for (const event of page) {
      stored += 1;
      if (!missing.delete(event.id)) throw new Error('An event is stored twice, or was never sent.');
      if (event.position <= position) throw new Error('Positions do not increase.');
      if (event.revision !== (last.get(event.stream) ?? -1) + 1) throw new Error('A stream has a hole.');
      last.set(event.stream, event.revision);
      position = event.position;
    }
  }
  if (missing.size > 0) throw new Error(`${String(missing.size)} of ${String(stored)} events are lost.`);
}
