import type { StoredEvent } from './stored-log.ts';

/** The ids that the server remembers of what was written last, for appends that expect no revision. */
export type IdMemory = Readonly<{
  add(event: StoredEvent): void;
  /** The event that was written with an id; undefined once it is forgotten. */
  find(id: string): StoredEvent | undefined;
}>;

/** Bytes that the server gives to this memory: about 54,000 ids of streams with names of 45 characters. */
const rememberedBytes = 8 * 1024 * 1024;

/** Number, reference and name, as the server counts them. */
function sizeOf({ stream }: StoredEvent): number {
  return 28 + 8 * Math.ceil((21 + 2 * stream.length) / 8);
}

/** Forgets the oldest first. */
export function idMemory(): IdMemory {
  const events = new Map<string, StoredEvent>();
  let bytes = 0;
  return {
    add: (event) => {
      for (const [id, oldest] of events) {
        if (bytes <= rememberedBytes) break;
        events.delete(id);
        bytes -= sizeOf(oldest);
      }
      if (events.has(event.id)) return;
      events.set(event.id, event);
      bytes += sizeOf(event);
    },
    find: (id) => events.get(id),
  };
}
