import { randomUUID } from 'node:crypto';
import type { StreamName } from '@daybook/kernel/event.ts';
import type { EventStore, Expected } from '@daybook/kernel/ports/event-store.ts';
import { concurrently, type Sample } from './measure.ts';
import { sampleEvent } from './sample-events.ts';

/** Events a stream gets before its caller turns to another. */
const eventsPerStream = 10;

/** Appends of one event each with an optimistic check, by callers that each write streams of their own. */
export async function appendLoad(store: EventStore, callers: number, durationMs: number): Promise<Sample> {
  const free: { stream: StreamName; expected: Expected }[] = [];
  const { perSecond, latenciesMs } = await concurrently(callers, durationMs, async () => {
    const own = free.pop() ?? { stream: `product-${randomUUID()}` as const, expected: 'no-stream' };
    const { revision } = await store.append(own.stream, own.expected, [sampleEvent()]);
    if (revision < eventsPerStream - 1) free.push({ stream: own.stream, expected: revision });
  });
  return { figure: perSecond, latenciesMs };
}
