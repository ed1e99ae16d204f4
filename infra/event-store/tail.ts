import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { Pages } from '@daybook/kernel/ports/event-store.ts';
import type { Wakeups } from '../database/wakeups.ts';

/** First and longest pause between two looks at a log that has nothing new. */
export type PollLimits = Readonly<{ shortestMs: number; longestMs: number }>;

/**
 * Follows a log: all there is, then whatever comes, until a signal aborts. Woken by the channel `log`; polls behind it
 * with pauses that double from the shortest to the longest while nothing comes, so that a lost wake-up costs little and
 * an idle follower next to nothing. Fetches only when asked for the next page.
 */
export async function* tail(options: {
  readAll: (after: Position) => Pages;
  wakeups: Wakeups;
  after: Position | undefined;
  signal: AbortSignal;
  poll: PollLimits;
}): Pages {
  const { readAll, signal, poll } = options;
  let after = options.after ?? beginning;
  let pauseMs = poll.shortestMs;
  const over = (): boolean => signal.aborted;
  // Subscribed before the first look: what comes between look and wait is then a kept signal.
  const wakeup = options.wakeups.subscribe('log');
  try {
    while (!over()) {
      for await (const page of readAll(after)) {
        if (over()) return;
        pauseMs = poll.shortestMs;
        after = page.at(-1)?.position ?? after;
        yield page;
        if (over()) return;
      }
      await wakeup.next(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, poll.longestMs);
    }
  } finally {
    wakeup.close();
  }
}
