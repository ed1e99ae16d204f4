import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Position } from '@daybook/kernel/event.ts';
import type { Pages } from '@daybook/kernel/ports/event-store.ts';
import type { StoredPagesOptions } from './stored-pages.ts';

export type WatchOptions = Readonly<{
  /** Position of the last event, as the leader knows it. */
  head: () => Promise<Position>;
  everyMs: number;
}>;

/**
 * A subscription that ends once it is known to hear nothing any more: a node that is cut off from its cluster goes on
 * serving those who are connected to it, and has nothing to tell them. It is quiet, and the leader had more two looks ago.
 * @throws DaybookError `unavailable` · what the subscription throws
 */
export async function* watched(
  after: Position,
  { head, everyMs }: WatchOptions,
  subscribe: (whileQuiet: NonNullable<StoredPagesOptions['whileQuiet']>) => Pages,
): Pages {
  let seen = after;
  let known = after;
  const look = async (): Promise<void> => {
    if (known > seen) throw cutOff();
    // Where nobody leads there is nothing to compare with.
    known = await head().catch(() => known);
  };
  for await (const page of subscribe({ everyMs, look })) {
    seen = page.at(-1)?.position ?? seen;
    yield page;
  }
}

function cutOff(): DaybookError {
  return new DaybookError('unavailable', 'EventStoreDB has more than the node tells that is followed.', {
    retry: 'later',
  });
}
