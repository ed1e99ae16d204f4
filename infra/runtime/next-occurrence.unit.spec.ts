import { describe, expect, test } from '@jest/globals';
import { nextOccurrence, spreadOf } from './next-occurrence.ts';

const next = (cron: string, timeZone: string, after: string) =>
  nextOccurrence({ cron, timeZone, spreadMs: 0 }, 'any', after);

describe('the next occurrence', () => {
  const daily: [string, string, string, string, string][] = [
    ['a time still to come', '0 6 * * *', 'UTC', '2026-05-01T05:59:59.999Z', '2026-05-01T06:00:00.000Z'],
    ['later than the instant', '0 6 * * *', 'UTC', '2026-05-01T06:00:00.000Z', '2026-05-02T06:00:00.000Z'],
    [
      'after summer time began',
      '0 6 * * *',
      'Europe/Berlin',
      '2026-03-28T05:00:00.000Z',
      '2026-03-29T04:00:00.000Z',
    ],
    [
      'a skipped time, after the gap',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T02:00:00.000Z',
      '2026-03-29T01:00:00.000Z',
    ],
    [
      'after a skipped time',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ],
    [
      'a repeated time, the first',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00:00.000Z',
      '2026-10-25T00:30:00.000Z',
    ],
    [
      'a repeated time once only',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ],
    [
      'a shift of half an hour',
      '0 6 * * *',
      'Australia/Lord_Howe',
      '2026-04-04T00:00:00.000Z',
      '2026-04-04T19:30:00.000Z',
    ],
    [
      'a midnight that is skipped',
      '0 0 * * *',
      'America/Sao_Paulo',
      '2018-11-03T12:00:00.000Z',
      '2018-11-04T03:00:00.000Z',
    ],
    ['the 29th of February', '0 6 29 2 *', 'UTC', '2026-03-01T00:00:00.000Z', '2028-02-29T06:00:00.000Z'],
  ];

  test.each(daily)('%s', (_, cron, timeZone, after, expected) => {
    expect(next(cron, timeZone, after)).toBe(expected);
  });

  test('every quarter of an hour through both changes of clocks, none twice', () => {
    for (const start of ['2026-03-28T23:00:00.000Z', '2026-10-24T22:00:00.000Z']) {
      let at = start;
      for (let quarter = 1; quarter <= 24; quarter += 1) {
        at = String(next('*/15 * * * *', 'Europe/Berlin', at));
        expect(Date.parse(at) - Date.parse(start)).toBe(quarter * 15 * 60_000);
      }
    }
  });

  test('a schedule without a further time', () => {
    expect(next('0 0 30 2 *', 'UTC', '2026-01-01T00:00:00.000Z')).toBeNull();
  });

  test.each([
    ['nonsense', 'UTC'],
    ['* * * * * *', 'UTC'],
    ['* * * * *', 'Mars/Olympus'],
  ])('%s in %s is no schedule', (cron, timeZone) => {
    expect(() => next(cron, timeZone, '2026-01-01T00:00:00.000Z')).toThrow(RangeError);
  });
});

describe('the spread', () => {
  const spreadMs = 3_600_000;
  const schedule = { cron: '0 6 * * *', timeZone: 'Europe/Berlin', spreadMs };

  test('shifts an instance by a constant below its width', () => {
    const first = String(nextOccurrence(schedule, 'product-1', '2026-05-01T00:00:00.000Z'));
    const second = String(nextOccurrence(schedule, 'product-1', first));
    expect(Date.parse(first) - Date.parse('2026-05-01T04:00:00.000Z')).toBe(spreadOf('product-1', spreadMs));
    expect(Date.parse(second) - Date.parse(first)).toBe(24 * 3_600_000);
    expect(spreadOf('product-1', spreadMs)).toBeLessThan(spreadMs);
    expect(spreadOf('product-1', 0)).toBe(0);
  });

  test('a time whose unshifted moment is over but whose own is not is not lost', () => {
    const own = String(nextOccurrence(schedule, 'product-1', '2026-05-01T00:00:00.000Z'));
    const justBefore = new Date(Date.parse(own) - 1).toISOString();
    expect(nextOccurrence(schedule, 'product-1', justBefore)).toBe(own);
  });

  test('spreads a thousand instances evenly', () => {
    const tenths = new Array<number>(10).fill(0);
    for (let index = 0; index < 1_000; index += 1) {
      const tenth = Math.floor((spreadOf(`product-${String(index)}`, spreadMs) / spreadMs) * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths) expect(count).toBeGreaterThan(60);
  });
});
