import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Revision, StreamName } from '@daybook/kernel/event.ts';
import type { Pages, ReadOptions } from '@daybook/kernel/ports/event-store.ts';

/**
 * Pages of a stream as they are, as long as it is whole. The server leaves out in silence what somebody deleted, or has
 * bounded by metadata of the stream; decisions on the rest would be wrong ones.
 * @throws DaybookError `log-mismatch` before the page that stands behind a hole, or for a beginning that is missing
 */
export function wholeStream(stream: StreamName, pages: Pages, options: ReadOptions): Pages {
  return options.direction === 'backwards'
    ? wholeBackwards(stream, pages, options.limit ?? Infinity)
    : wholeForwards(stream, pages, options.from ?? 0);
}

async function* wholeForwards(stream: StreamName, pages: Pages, from: Revision): Pages {
  let next = from;
  for await (const page of pages) {
    for (const { revision } of page) {
      if (revision !== next) throw holed(stream);
      next += 1;
    }
    yield page;
  }
}

async function* wholeBackwards(stream: StreamName, pages: Pages, limit: number): Pages {
  let [last, left] = [0, limit];
  for await (const page of pages) {
    for (const { revision } of page) {
      if (left < limit && revision !== last - 1) throw holed(stream);
      last = revision;
      left -= 1;
    }
    yield page;
  }
  if (left > 0 && last > 0) throw holed(stream);
}

/** What it means that events of a stream are missing. */
export function holed(stream: StreamName): DaybookError {
  return new DaybookError(
    'log-mismatch',
    `The stream ${stream} lacks events in EventStoreDB: somebody deleted or truncated it. Daybook never does.`,
  );
}
