import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { Pages } from '@daybook/kernel/ports/event-store.ts';

/**
 * Keyset pages with one page fetched ahead: while the caller works on a page, the server works on the next. No
 * connection is held while the caller works.
 */
export async function* pagesAhead<K>(options: {
  from: K;
  /** Most events in all; `Infinity` for all. */
  limit: number;
  pageSize: number;
  fetch: (from: K, size: number) => Promise<RecordedEvent[]>;
  /** Where the page after this event begins. */
  next: (last: RecordedEvent) => K;
}): Pages {
  const { limit, pageSize, fetch, next } = options;
  let left = limit;
  const request = (from: K): Promise<RecordedEvent[]> | undefined => {
    if (left <= 0) return undefined;
    const size = Math.min(pageSize, left);
    left -= size;
    const page = fetch(from, size).then((events) => {
      if (events.length < size) left = 0;
      return events;
    });
    // The caller may stop before it asks for the page: its failure then concerns nobody.
    page.catch(() => undefined);
    return page;
  };
  for (let ahead = request(options.from); ahead !== undefined;) {
    const page = await ahead;
    const last = page.at(-1);
    if (last === undefined) return;
    ahead = request(next(last));
    yield page;
  }
}
