import { randomUUID } from 'node:crypto';
import type { AutoscaledPool, Request } from '@crawlee/core';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { crawlQueue, type CrawlQueue } from './crawl-queue.ts';
import type { Fetched, PageFetcher } from './fetched.ts';

/** What a kept crawler needs of Crawlee's. */
type Crawler = Readonly<{ run(): Promise<unknown>; autoscaledPool?: AutoscaledPool }>;

/** How a crawler is bound to the pages it is asked for. */
export type CrawlHooks = Readonly<{
  queue: CrawlQueue;
  /** True once nobody asked for a page for a while. */
  isFinished: () => Promise<boolean>;
  done: (request: Request, page: Fetched) => void;
  failed: (request: Request, error: Error) => void;
}>;

type Waiter = Readonly<{ resolve: (page: Fetched) => void; reject: (error: Error) => void }>;

/**
 * Keeps one crawler running while pages are wanted, and lets it end after `idleMs` without any, so that a process at rest
 * holds no timers, no browser and no memory for it. Starting one a page would cost more than most pages.
 */
export function keptCrawler(options: {
  idleMs: number;
  make: (hooks: CrawlHooks) => Promise<Crawler>;
  request: (url: string, key: string) => Promise<Request>;
}): PageFetcher {
  const queue = crawlQueue();
  const waiters = new Map<string, Waiter>();
  let crawler: Crawler | null = null;
  let running: Promise<void> | null = null;
  let lastUse = 0;
  let closing = false;

  const take = (request: Request): Waiter | undefined => {
    const waiter = waiters.get(request.uniqueKey);
    waiters.delete(request.uniqueKey);
    lastUse = performance.now();
    return waiter;
  };
  const hooks: CrawlHooks = {
    queue,
    isFinished: () =>
      Promise.resolve(waiters.size === 0 && (closing || performance.now() - lastUse > options.idleMs)),
    done: (request, page) => take(request)?.resolve(page),
    failed: (request, error) => take(request)?.reject(error),
  };

  async function keepRunning(): Promise<void> {
    try {
      while (waiters.size > 0) {
        crawler = await options.make(hooks);
        await crawler.run();
        // What it left behind was interrupted; the next request for the page begins anew.
        if (!closing && !(await queue.isEmpty())) continue;
        giveUp(
          new DaybookError('aborted', 'The crawler ended before the page was fetched.', { retry: 'later' }),
        );
      }
    } catch (cause) {
      giveUp(new DaybookError('unavailable', 'The crawler cannot run.', { retry: 'later', cause }));
    } finally {
      crawler = null;
      running = null;
    }
  }

  function giveUp(error: Error): void {
    const left = [...waiters.values()];
    waiters.clear();
    for (const { reject } of left) reject(error);
  }

  return {
    fetch: async (url) => {
      const request = await options.request(url, randomUUID());
      if (closing) throw new DaybookError('aborted', 'The scraper is stopping.', { retry: 'later' });
      return new Promise<Fetched>((resolve, reject) => {
        lastUse = performance.now();
        waiters.set(request.uniqueKey, { resolve, reject });
        queue.push(request);
        running ??= keepRunning();
        void crawler?.autoscaledPool?.notify();
      });
    },
    close: async () => {
      closing = true;
      void crawler?.autoscaledPool?.notify();
      await running;
    },
  };
}
