/** How long a host is left alone. All times in milliseconds. */

/** The longest pause a host can ask for; what it asks beyond that is taken for this. */
export const longestPauseMs = 60 * 60_000;
/** The longest crawl-delay that is held; hosts that ask for more are visited this often. */
const longestDelayMs = 5 * 60_000;
/** The pause after a first failure where nothing else is configured. */
export const usualBackOffMs = 2_000;
const growth = 4;
const mostMs = 10 * 60_000;

/**
 * The pause after a number of failures in a row: 2 s, 8 s, 32 s … up to ten minutes. What `Retry-After` asks goes before.
 * @param firstMs the first of these pauses
 */
export function pauseAfter(failures: number, retryAfterMs: number | null, firstMs = usualBackOffMs): number {
  const own = Math.min(mostMs, firstMs * growth ** Math.min(failures - 1, 10));
  return Math.min(longestPauseMs, Math.max(own, retryAfterMs ?? 0));
}

/** `Retry-After` in milliseconds (RFC 9110 10.2.3): seconds or a date; null for neither. */
export function retryAfterMs(header: string | undefined, now: string): number | null {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) || text === '' ? null : Math.max(0, date - Date.parse(now));
}

/** A crawl-delay as it is held. */
export function heldDelayMs(seconds: number | undefined): number {
  return seconds === undefined || !(seconds > 0) ? 0 : Math.min(longestDelayMs, Math.ceil(seconds * 1_000));
}
