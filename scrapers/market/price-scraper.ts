/**
 * The scraper's loop, in the order in which it does things, and what a death after each step means:
 *
 * 1. A batch of requests is taken into the host queue in one transaction. Dead before the topic knows: it delivers again,
 *    and the queue knows the ids.
 * 2. Hosts whose turn it is are leased. Dead: the lease runs out, and another worker takes the host over.
 * 3. The page is fetched and its snapshot stored by hash (K20). Dead: it is fetched again.
 * 4. The observation is published under an id derived from the request (K21). Dead: it is published again under the same
 *    id, and counts once.
 * 5. The request is closed, and the host given back with its pace.
 */
import { countScrape } from '@daybook/infra/telemetry/metrics.ts';
import type { Database } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import type { MessageCodec } from '@daybook/infra/registry/codec.ts';
import { backOffMs, reasonOf, rest } from '@daybook/infra/runtime/loop.ts';
import type { Clock, Ids, Log, ObjectStore, OutboundHttp } from '@daybook/kernel/ports/outside.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { priceObservationsTopic, scrapeRequestsTopic } from '@daybook/schemas/topics.ts';
import { browserPages } from '../crawling/browser-pages.ts';
import { plainPages } from '../crawling/plain-pages.ts';
import { usualBackOffMs } from '../politeness/back-off.ts';
import { findChromium } from '../chromium.ts';
import { hostQueue, leaseMs, type HostQueue, type Turn } from '../politeness/host-queue.ts';
import { robotsCache } from '../politeness/robots-cache.ts';
import { observationMessage, type Visit } from './observation.ts';
import { intake } from './intake.ts';
import { serveHost } from './serve-host.ts';
import { makeVisitor, showsPrice } from './visit.ts';

export type ScraperConfig = Readonly<{
  /** Hosts at once; of one host always one page. */
  concurrency: number;
  /** How the scraper names itself, to shops and in robots.txt. */
  userAgent: string;
  /** Absent: the usual places. */
  chromiumPath?: string | undefined;
  /** Chromium's own sandbox. Default: on, except as root, where it does not start in it. */
  chromiumSandbox?: boolean | undefined;
  /** Keeps cookies over the pages of a host. Default false. */
  sessions?: boolean | undefined;
  /** Pause after a shop's first failure; it grows with each next. Default 2 000. */
  backOffMs?: number | undefined;
  /** Of one page, redirects included. Default 20 000. */
  pageTimeoutMs?: number | undefined;
  /** Of one page, decompressed. Default 5 MiB. */
  maxPageBytes?: number | undefined;
}>;

export type PriceScraperOptions = Readonly<{
  topics: Topics;
  codec: MessageCodec;
  /** Goes through proxies where it was made with them. */
  outbound: OutboundHttp;
  objects: ObjectStore;
  database: Database;
  log: Log;
  clock: Clock;
  ids: Ids;
  config: ScraperConfig;
}>;

export type RunningScraper = Readonly<{
  /** Null while it works; else why not. */
  problem: () => string | null;
  /** Finishes the pages in hand, gives its hosts back and leaves its group. Idempotent. */
  stop: () => Promise<void>;
}>;

const group = 'scrapers';
/** Behind the wake-ups: another process's requests, and hosts of a worker that died, are found after so long at most. */
const pollMs = 2_000;
const purgeEveryMs = 10 * 60_000;
/** Browser pages at once: each costs some 100 MB. */
const browsers = 2;
const channel = 'scrape';

/** Starts taking scrape requests and publishing price observations. */
export function startPriceScraper(options: PriceScraperOptions): RunningScraper {
  const { topics, codec, outbound, objects, database, clock, ids, config } = options;
  const log = options.log.with({ part: 'price-scraper' });
  const {
    userAgent,
    concurrency,
    pageTimeoutMs: timeoutMs = 20_000,
    maxPageBytes: maxBytes = 5 * 1024 * 1024,
  } = config;
  const stopping = new AbortController();
  const { signal } = stopping;
  const queue = hostQueue(database, ids.next());
  const wakeups = memoryWakeups();

  const plain = plainPages({
    outbound,
    userAgent,
    concurrency,
    timeoutMs,
    maxBytes,
    sessions: config.sessions ?? false,
  });
  const executablePath = findChromium(config.chromiumPath);
  const browser =
    executablePath === undefined
      ? null
      : browserPages({
          executablePath,
          outbound,
          userAgent,
          concurrency: Math.min(browsers, concurrency),
          timeoutMs,
          maxBytes,
          sandbox: config.chromiumSandbox ?? process.getuid?.() !== 0,
          enough: showsPrice,
          log,
        });
  if (browser === null) log.info('No Chromium was found: pages that need one end as needsBrowser.');
  const robots = robotsCache({ database, outbound, userAgent });
  const visitor = makeVisitor({
    plain,
    browser,
    robots,
    outbound,
    objects,
    clock,
    log,
    userAgent,
    maxBytes,
    timeoutMs,
  });

  const publish = async (request: Parameters<typeof observationMessage>[0], visit: Visit): Promise<void> => {
    await topics.publish(priceObservationsTopic, [
      await codec.encodeMessage(observationMessage(request, visit)),
    ]);
    countScrape(request.data.source, 'price' in visit.result ? 'price' : visit.result.outcome);
  };

  let problem: string | null = null;
  const work = workHosts({
    queue,
    concurrency,
    wakeups,
    log,
    signal,
    serve: (turn) =>
      serveHost(turn, {
        visitor,
        publish,
        queue,
        backOffMs: config.backOffMs ?? usualBackOffMs,
        log,
        signal,
      }),
    report: (reason) => {
      problem = reason;
    },
  });
  const reading = topics.run(
    scrapeRequestsTopic,
    group,
    intake(queue, codec, () => {
      wakeups.notify(channel);
    }),
    { signal },
  );

  let stopped: Promise<void> | null = null;
  return {
    problem: () => problem,
    stop: () =>
      (stopped ??= (async () => {
        stopping.abort();
        await Promise.all([reading, work]);
        await Promise.all([plain.close(), browser?.close()]);
        await wakeups.close();
      })()),
  };
}

/** Leases hosts as far as there is room, and serves each on its own: a slow one takes one place and no more. */
async function workHosts(options: {
  queue: HostQueue;
  concurrency: number;
  wakeups: ReturnType<typeof memoryWakeups>;
  log: Log;
  signal: AbortSignal;
  serve: (turn: Turn) => Promise<void>;
  report: (problem: string | null) => void;
}): Promise<void> {
  const { queue, concurrency, wakeups, log, signal } = options;
  const wakeup = wakeups.subscribe(channel);
  const held = new Map<string, Promise<void>>();
  const upkeep = (what: Promise<void>): void => {
    what.catch((error: unknown) => {
      log.warn('The upkeep of the host queue failed.', reasonOf(error));
    });
  };
  const keeping = setInterval(() => {
    if (held.size > 0) upkeep(queue.keepLeases([...held.keys()]));
  }, leaseMs / 3);
  let purgeAt = performance.now();
  let failures = 0;
  while (!signal.aborted) {
    try {
      const slots = concurrency - held.size;
      const turns = slots > 0 ? await queue.claim(slots) : [];
      // A lease that ran out while its host is served, as in an outage, comes back to us: one at a time asks a host.
      for (const turn of turns.filter(({ host }) => !held.has(host))) {
        const serving = options.serve(turn).finally(() => {
          held.delete(turn.host);
          wakeups.notify(channel);
        });
        held.set(turn.host, serving);
      }
      const room = slots > turns.length;
      const due = room ? await queue.nextDueMs() : null;
      if (performance.now() >= purgeAt) {
        purgeAt = performance.now() + purgeEveryMs;
        upkeep(queue.purge(signal));
      }
      failures = 0;
      options.report(null);
      await wakeup.next(due === null ? pollMs : Math.min(pollMs, Math.max(5, due)), signal);
    } catch (error) {
      failures += 1;
      options.report(reasonOf(error)['reason'] as string);
      const pauseMs = backOffMs({ firstMs: 100, mostMs: 5_000 }, failures);
      log.warn('The host queue cannot be asked and is asked again.', { pauseMs, ...reasonOf(error) });
      await rest(pauseMs, signal);
    }
  }
  await Promise.all(held.values());
  clearInterval(keeping);
  wakeup.close();
}
