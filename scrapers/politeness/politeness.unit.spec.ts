import { describe, expect, test } from '@jest/globals';
import { heldDelayMs, longestPauseMs, pauseAfter, retryAfterMs } from './back-off.ts';
import { learnedMiss, learnedPrice, lookFirst, recalled, unknownHost, worthBrowser } from './host-memory.ts';
import { robotsLifeMs, robotsRules } from './robots.ts';

describe('pauses', () => {
  test.each([
    [1, null, 2_000],
    [2, null, 8_000],
    [3, null, 32_000],
    [9, null, 600_000],
    [1, 5_000, 5_000],
    [3, 5_000, 32_000],
    [1, 1e12, longestPauseMs],
  ])('after %i failures, asked for %p', (failures, asked, pause) => {
    expect(pauseAfter(failures, asked)).toBe(pause);
  });

  test.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Sat, 21 Nov 2026 00:01:00 GMT', 60_000],
    ['Sat, 21 Nov 2026 00:00:00 GMT', 0],
    ['Fri, 20 Nov 2026 00:00:00 GMT', 0],
    ['soon', null],
    ['', null],
    [undefined, null],
  ])('Retry-After: %p', (header, ms) => {
    expect(retryAfterMs(header, '2026-11-21T00:00:00.000Z')).toBe(ms);
  });

  test.each([
    [undefined, 0],
    [0, 0],
    [-1, 0],
    [NaN, 0],
    [0.1, 100],
    [10, 10_000],
    [86_400, 300_000],
  ])('Crawl-delay: %p', (seconds, ms) => {
    expect(heldDelayMs(seconds)).toBe(ms);
  });
});

describe('robots.txt', () => {
  const origin = 'https://shop.example';
  const rules = (status: number | null, body = '') => robotsRules(origin, { status, body }, 'DaybookBot');
  const page = `${origin}/private/x`;
  const forbid = 'User-agent: *\nDisallow: /private/\nCrawl-delay: 2\n';

  test('is obeyed, with its delay', () => {
    expect([rules(200, forbid).allows(page), rules(200, forbid).allows(`${origin}/x`)]).toEqual([
      false,
      true,
    ]);
    expect(rules(200, forbid).crawlDelayMs).toBe(2_000);
  });

  test('a group of our own goes before that of everybody', () => {
    const own = `${forbid}\nUser-agent: daybookbot\nDisallow:\nAllow: /\n`;
    expect(rules(200, own).allows(page)).toBe(true);
  });

  test('the longest match counts', () => {
    expect(rules(200, `${forbid}Allow: /private/x\n`).allows(page)).toBe(true);
  });

  test.each([404, 403, 401, 410, 302])('status %i means no rules', (status) => {
    expect(rules(status, forbid).allows(page)).toBe(true);
  });

  test.each([500, 503, 429, null])('status %p means that nothing may be fetched', (status) => {
    expect(rules(status).allows(page)).toBe('unreachable');
  });

  test.each(['', '\0\0', '<html>', 'Disallow: /', 'User-agent: *\nDisallow'])(
    '%j forbids nothing',
    (body) => {
      expect(rules(200, body).allows(`${origin}/x`)).not.toBe('unreachable');
    },
  );

  test('lives for a day at most, and briefly where it could not be had', () => {
    expect(robotsLifeMs({ status: 200, body: '' })).toBeLessThanOrEqual(24 * 3_600_000);
    expect(robotsLifeMs({ status: 500, body: '' })).toBe(60_000);
  });
});

describe('what is learned of a host', () => {
  const times = <T>(count: number, step: (value: T) => T, from: T): T =>
    Array.from({ length: count }).reduce<T>((value) => step(value), from);

  test('nothing is known of a new one: a plain request first, a browser is worth it', () => {
    expect([lookFirst(unknownHost), worthBrowser(unknownHost, false)]).toEqual(['plain', true]);
  });

  test('one with prices only after scripts is opened in a browser', () => {
    const memory = times(3, (known) => learnedPrice(known, 'browser', 'selector'), unknownHost);
    expect(lookFirst(memory)).toBe('browser');
    expect(lookFirst(learnedPrice(memory, 'plain', 'jsonLd'))).toBe('plain');
  });

  test('one where a browser was in vain is left plain, but for trials', () => {
    const memory = times(3, learnedMiss, unknownHost);
    expect([worthBrowser(memory, false), worthBrowser(memory, true)]).toEqual([false, true]);
    expect(worthBrowser(learnedPrice(memory, 'browser', 'meta'), false)).toBe(true);
  });

  test('a steady host comes to one value and stays there', () => {
    const steady = times(3, (known) => learnedPrice(known, 'plain', 'jsonLd'), unknownHost);
    expect(learnedPrice(steady, 'plain', 'jsonLd')).toEqual(steady);
    expect(steady.method).toBe('jsonLd');
  });

  test('a stored memory may lack what was not known then', () => {
    expect(recalled({ plain: 2 })).toEqual({ ...unknownHost, plain: 2 });
    expect(recalled(null)).toEqual(unknownHost);
  });
});
