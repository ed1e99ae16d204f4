import type { IRequestManager, Request, RequestProvider } from '@crawlee/core';

/** Crawlee's queue of requests without a storage behind it: what waits durably waits in PostgreSQL. */
export type CrawlQueue = IRequestManager & Readonly<{ push(request: Request): void }>;

/** A first-in, first-out queue in memory. Requests that fail are not repeated here: that is for the host's pace to say. */
export function crawlQueue(): CrawlQueue {
  const waiting: Request[] = [];
  let underWay = 0;
  let handled = 0;
  const unsupported = (): Promise<never> => Promise.reject(new Error('Pages come from the host queue only.'));
  const next = (): Promise<Request | null> => {
    const request = waiting.shift() ?? null;
    if (request !== null) underWay += 1;
    return Promise.resolve(request);
  };
  return {
    push: (request) => {
      waiting.push(request);
    },
    isEmpty: () => Promise.resolve(waiting.length === 0),
    isFinished: () => Promise.resolve(waiting.length + underWay === 0),
    handledCount: () => Promise.resolve(handled),
    getTotalCount: () => waiting.length + underWay + handled,
    getPendingCount: () => waiting.length + underWay,
    fetchNextRequest: next,
    markRequestHandled: () => {
      underWay -= 1;
      handled += 1;
      return Promise.resolve(null);
    },
    reclaimRequest: (request) => {
      underWay -= 1;
      waiting.push(request);
      return Promise.resolve(null);
    },
    addRequest: unsupported,
    addRequestsBatched: unsupported,
    async *[Symbol.asyncIterator]() {
      for (let request = await next(); request !== null; request = await next()) yield request;
    },
  };
}

/**
 * The queue as the crawlers' options want it. They declare `requestManager` for such a thing and refuse it when they check
 * their options (3.18.1); of a request queue they use what the manager has.
 */
export function asRequestQueue(queue: CrawlQueue): RequestProvider {
  return queue as unknown as RequestProvider;
}
