import { randomUUID } from 'node:crypto';
import type { NewEvent } from '@daybook/kernel/event.ts';
import type { EventStore, NonEmpty } from '@daybook/kernel/ports/event-store.ts';
import { sampleEvent } from './sample-events.ts';

/** Events of each stream, and of each append. */
const perStream = 100;

/** Appends so many sample events, a hundred to a stream, of one tenant or of several in turn. */
export async function fillStore(
  store: EventStore,
  total: number,
  tenants: readonly string[] = [],
): Promise<void> {
  const ofTenant = (stream: number) => (): NewEvent => {
    const event = sampleEvent();
    const tenantId = tenants[stream % tenants.length] ?? event.metadata.tenantId;
    const data = { ...event.data, observationId: randomUUID() };
    return { ...event, data, metadata: { ...event.metadata, tenantId } };
  };
  for (let n = 0; n < total / perStream; n += 10) {
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        store.append(
          `product-${randomUUID()}`,
          'no-stream',
          Array.from({ length: perStream }, ofTenant(n + index)) as unknown as NonEmpty<NewEvent>,
        ),
      ),
    );
  }
}

/** Reads a log to its end; answers with how many events there were. */
export async function readThrough(store: EventStore): Promise<number> {
  let count = 0;
  for await (const page of store.readAll()) count += page.length;
  return count;
}
