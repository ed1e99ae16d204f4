import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Log, ObjectStore, OutboundHttp } from '@daybook/kernel/ports/outside.ts';
import type { Source } from '@daybook/schemas/types/types.generated.ts';
import { load } from 'cheerio';
import type { Fetched, PageFetcher } from '../crawling/fetched.ts';
import { extract, extractProductJson, makePage } from '../extraction/extract.ts';
import type { Extraction, Page } from '../extraction/extraction.ts';
import { productJsonUrl } from '../extraction/shopify.ts';
import { retryAfterMs } from '../politeness/back-off.ts';
import {
  learnedMiss,
  learnedPrice,
  lookFirst,
  worthBrowser,
  type HostMemory,
} from '../politeness/host-memory.ts';
import type { DueRequest } from '../politeness/host-queue.ts';
import type { RobotsCache } from '../politeness/robots-cache.ts';
import type { RobotsRules } from '../politeness/robots.ts';
import {
  failureOfAnswer,
  failureOfError,
  failureOfPage,
  isScripted,
  unreadable,
  type Failure,
} from './classification.ts';
import type { FoundPrice, Visit } from './observation.ts';

export type VisitorOptions = Readonly<{
  plain: PageFetcher;
  /** Null where there is no Chromium; `why` says so in an outcome. */
  browser: PageFetcher | null;
  robots: RobotsCache;
  outbound: OutboundHttp;
  objects: ObjectStore;
  clock: Clock;
  log: Log;
  userAgent: string;
  maxBytes: number;
  timeoutMs: number;
}>;

/** A visit with what it taught about the host. */
export type Visited = Readonly<{
  visit: Visit;
  memory: HostMemory;
  /** What the host asks for between two requests. */
  crawlDelayMs: number;
  /** What the answer asks for by `Retry-After`; null where it does not. */
  retryAfterMs: number | null;
}>;

const emptyDocument = load('');

/** A page with what was read in it. */
type Read = Readonly<{ page: Fetched; extraction: Extraction }>;

/** The share of requests, by their id, that try a browser again on a host where it was in vain. */
const trialShare = 1 / 50;
/** A second request for one check waits for the crawl-delay at most so long. */
const mostWaitMs = 5_000;

const disallowed: Failure = {
  outcome: 'robotsDisallowed',
  detail: "The shop's robots.txt does not let robots fetch this page.",
  passing: false,
};
const robotsAway: Failure = {
  outcome: 'unreachable',
  detail: "The shop's robots.txt could not be read, so nothing is fetched.",
  passing: true,
};
const noBrowser: Failure = {
  outcome: 'needsBrowser',
  detail: 'The page may show its price only after scripts ran, and no Chromium was found to run them.',
  passing: false,
};

/**
 * Visits pages: asks robots.txt, fetches, reads, and where it pays looks again with a browser. Answers with an outcome for
 * everything a page or a shop can do.
 * @throws only what is trouble of our own: `unavailable`, `timeout` of the database, `aborted`, `data-folder-unusable`
 */
export function makeVisitor(
  options: VisitorOptions,
): (due: DueRequest, memory: HostMemory) => Promise<Visited> {
  const { plain, browser, robots, clock } = options;

  return async (due, memory) => {
    const asked = new URL(due.message.data.url);
    const observedAt = clock.now();
    const rules = await robots.rulesFor(asked);
    const allowed = rules.allows(asked.href);
    const unread = (result: Failure): Visited => ({
      visit: { result, extraction: null, snapshotHash: null, status: null, observedAt },
      memory,
      crawlDelayMs: rules.crawlDelayMs,
      retryAfterMs: null,
    });
    if (allowed !== true) return unread(allowed === false ? disallowed : robotsAway);
    try {
      return await look(due, asked, memory, rules, observedAt);
    } catch (error) {
      const failure = failureOfError(error);
      if (failure === null) throw error;
      if (failure === unreadable) options.log.error('A page could not be read.', { host: asked.host, error });
      return unread(failure);
    }
  };

  async function look(
    due: DueRequest,
    asked: URL,
    memory: HostMemory,
    rules: RobotsRules,
    observedAt: string,
  ): Promise<Visited> {
    const { source, requestId } = due.message.data;
    const conclude = async (read: Read | Fetched, learned: HostMemory, result: Visit['result']) => {
      const { page, extraction } = 'page' in read ? read : { page: read, extraction: null };
      const visit = {
        result,
        extraction,
        snapshotHash: page.bytes.length === 0 ? null : await options.objects.put(page.bytes),
        status: page.status === 0 ? null : page.status,
        observedAt,
      };
      const pauseMs = retryAfterMs(page.headers['retry-after'], clock.now());
      return { visit, memory: learned, crawlDelayMs: rules.crawlDelayMs, retryAfterMs: pauseMs };
    };
    const useBrowser = lookFirst(memory) === 'browser' ? browser : null;
    const first = await (useBrowser ?? plain).fetch(asked.href);
    const refused = failureOfAnswer(first);
    if (refused !== null) return conclude(first, memory, refused);
    const by = useBrowser === null ? 'plain' : 'browser';
    const read = await withProductJson(readPage(first, source), source, rules);
    const price = found(read.extraction);
    if (price !== null) return conclude(read, learnedPrice(memory, by, price.method), price);
    const failure = failureOfPage({
      asked,
      page: first,
      extraction: read.extraction,
      lastMethod: due.method,
    });
    const hopeful = by === 'plain' && mayShowMore(failure, read) && worthBrowser(memory, isTrial(requestId));
    if (!hopeful) return conclude(read, memory, failure);
    if (browser === null) return conclude(read, memory, read.extraction.product ? failure : noBrowser);
    return again(browser, read, failure);

    async function again(with_: PageFetcher, before: Read, known: Failure): Promise<Visited> {
      await politePause(rules);
      const page = await with_.fetch(before.page.url).catch((error: unknown) => {
        const failed = failureOfError(error);
        // The page itself was there a moment ago: what it was then is the outcome.
        if (failed === null) throw error;
        return null;
      });
      if (page === null || failureOfAnswer(page) !== null) return conclude(before, memory, known);
      const shown = readPage(page, source);
      const late = found(shown.extraction);
      if (late !== null) return conclude(shown, learnedPrice(memory, 'browser', late.method), late);
      const still = failureOfPage({ asked, page, extraction: shown.extraction, lastMethod: due.method });
      return conclude(shown, learnedMiss(memory), still);
    }
  }

  /** A Shopify store gives a product's price out beside the page where the theme leaves it out. */
  async function withProductJson(read: Read, source: Source, rules: RobotsRules): Promise<Read> {
    const url = source === 'shopify' ? productJsonUrl(new URL(read.page.url)) : null;
    if (url === null || read.extraction.price !== null || rules.allows(url) !== true) return read;
    await politePause(rules);
    try {
      const answer = await options.outbound.fetch({
        url,
        headers: { 'user-agent': options.userAgent, accept: 'application/json' },
        timeoutMs: options.timeoutMs,
        maxBytes: options.maxBytes,
      });
      if (answer.status !== 200) return read;
      const json = Buffer.from(answer.body).toString('utf8');
      const extraction = extractProductJson(json, parsed(read.page, source), read.extraction);
      return extraction.price === null ? read : { page: { ...read.page, bytes: answer.body }, extraction };
    } catch (error) {
      if (failureOfError(error) === null) throw error;
      return read;
    }
  }
}

/** Whether a page that was fetched in a browser has what it was opened for. */
export function showsPrice(page: Fetched): boolean {
  return page.$ !== null && extract(makePage(page.url, 'page', page.$)).price !== null;
}

function readPage(page: Fetched, source: Source): Read {
  return { page, extraction: extract(parsed(page, source)) };
}

function parsed(page: Fetched, source: Source): Page {
  return makePage(page.url, source, page.$ ?? emptyDocument);
}

function found({ price, method }: Extraction): FoundPrice | null {
  return price === null || method === null ? null : { price, method };
}

function mayShowMore({ outcome }: Failure, { page }: Read): boolean {
  return (outcome === 'noPrice' || outcome === 'changed') && isScripted(page);
}

/** The same for every delivery of a request. */
function isTrial(requestId: string): boolean {
  return parseInt(requestId.slice(-4), 16) / 0x10000 < trialShare;
}

async function politePause({ crawlDelayMs }: RobotsRules): Promise<void> {
  if (crawlDelayMs > 0) await sleep(Math.min(mostWaitMs, crawlDelayMs));
}
