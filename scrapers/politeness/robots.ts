import * as robotsParserModule from 'robots-parser';
import { heldDelayMs } from './back-off.ts';

/** Its types declare an ES default export; Node hands the CommonJS function over as `default`. */
const robotsParser = robotsParserModule.default as unknown as typeof robotsParserModule.default.default;

/** The answer to a request for robots.txt; status null: there was none. */
export type RobotsAnswer = Readonly<{ status: number | null; body: string }>;

/** What a host's robots.txt lets a robot do. */
export type RobotsRules = Readonly<{
  /** `unreachable`: the host does not say, and so nothing may be fetched. */
  allows: (url: string) => boolean | 'unreachable';
  crawlDelayMs: number;
}>;

/** RFC 9309 2.5: parsers read at least 500 kibibytes. */
export const robotsMaxBytes = 500 * 1024;
const hourMs = 3_600_000;

/**
 * How long an answer counts. RFC 9309 2.4 allows at most a day. That there is no robots.txt may change sooner; an
 * unreachable one is asked again soon.
 */
export function robotsLifeMs({ status }: RobotsAnswer): number {
  if (isUnreachable(status)) return 60_000;
  return status !== null && status < 300 ? 12 * hourMs : 4 * hourMs;
}

/**
 * The rules of an answer, by RFC 9309 2.3.1: a success is parsed; 4xx, and redirects without end, mean no rules; 5xx and
 * no answer mean that nothing may be fetched. 429 says "later", which is no permission.
 * @param userAgent the product token that groups are matched with
 */
export function robotsRules(origin: string, answer: RobotsAnswer, userAgent: string): RobotsRules {
  if (isUnreachable(answer.status)) return { allows: () => 'unreachable', crawlDelayMs: 0 };
  if (answer.status === null || answer.status >= 300) return { allows: () => true, crawlDelayMs: 0 };
  const robots = robotsParser(`${origin}/robots.txt`, answer.body);
  return {
    allows: (url) => robots.isAllowed(url, userAgent) !== false,
    crawlDelayMs: heldDelayMs(robots.getCrawlDelay(userAgent)),
  };
}

/** Whether an answer means that nothing may be fetched: none at all, an error of the host, or "later". */
export function isUnreachable(status: number | null): boolean {
  return status === null || status >= 500 || status === 429;
}
