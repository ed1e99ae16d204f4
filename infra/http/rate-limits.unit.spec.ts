import { describe, expect, test } from '@jest/globals';
import type { Response } from 'express';
import { memoryLog } from '../logging/memory-log.ts';
import {
  addressOf,
  memoryCounts,
  rateLimits,
  ratePolicies,
  type CountStore,
  type RateLimits,
} from './rate-limits.ts';

const policies = ratePolicies({ generalPerMinute: 3, authPerMinute: 2, mutationsPerSecond: 1 });

function world(store?: CountStore): {
  limits: () => RateLimits;
  clock: { ms: number };
  log: ReturnType<typeof memoryLog>;
} {
  const clock = { ms: 0 };
  const log = memoryLog();
  const shared = store ?? memoryCounts(policies, () => clock.ms);
  return { clock, log, limits: () => rateLimits({ policies, store: shared, log, now: () => clock.ms }) };
}

function response(): Response & { headers: Record<string, string> } {
  const headers: Record<string, string> = {};
  return { headers, setHeader: (name: string, value: string) => (headers[name] = value) } as never;
}

const refusal = { problem: { status: 429, code: 'rate-limited' } };

describe('rate limits', () => {
  test('let pass what the policy has and refuse the rest until the window ends', () => {
    const { limits, clock } = world();
    const own = limits();
    for (const left of [2, 1, 0]) {
      const answer = response();
      void own.take(['general'], 'a', answer);
      expect(answer.headers).toEqual({
        'ratelimit-policy': '"general";q=3;w=60',
        ratelimit: `"general";r=${String(left)};t=60`,
      });
    }
    clock.ms = 20_000;
    expect(() => own.take(['general'], 'a', response())).toThrow(
      expect.objectContaining({
        problem: expect.objectContaining({ code: 'rate-limited', headers: { 'retry-after': '40' } }),
      }),
    );
    void own.take(['general'], 'b', response());
    clock.ms = 60_001;
    void own.take(['general'], 'a', response());
  });

  test('requests at the same time are each counted once in the shared store', async () => {
    let total = 0;
    const { limits } = world({
      add: async (_policy, _key, points) => {
        total += points;
        const answer = { total, resetMs: 60_000 };
        await Promise.resolve();
        return answer;
      },
    });
    const own = limits();
    await Promise.allSettled([1, 2, 3, 4].map(async () => own.take(['auth'], 'a', response())));
    expect(total).toBe(4);
  });

  test('several policies count together, and the tightest refuses', () => {
    const { limits, clock } = world();
    const own = limits();
    const answer = response();
    void own.take(['general', 'mutations'], 'a', answer);
    expect(answer.headers['ratelimit']).toBe('"general";r=2;t=60, "mutations";r=0;t=1');
    expect(() => own.take(['general', 'mutations'], 'a', response())).toThrow(
      expect.objectContaining({ problem: expect.objectContaining({ about: { policy: 'mutations' } }) }),
    );
    clock.ms = 1_001;
    void own.take(['general', 'mutations'], 'a', response());
  });

  test('policies shared at once are exact over processes', async () => {
    const { limits } = world();
    const [one, two] = [limits(), limits()];
    await one.take(['auth'], 'a', response());
    await two.take(['auth'], 'a', response());
    await expect(one.take(['auth'], 'a', response())).rejects.toMatchObject(refusal);
    await expect(two.take(['auth'], 'a', response())).rejects.toMatchObject(refusal);
  });

  test('policies shared soon learn of other processes by the exchange', async () => {
    const { limits } = world();
    const [one, two] = [limits(), limits()];
    for (let n = 0; n < 3; n += 1) void one.take(['general'], 'a', response());
    void two.take(['general'], 'a', response());
    await one.close();
    await two.close();
    expect(() => two.take(['general'], 'a', response())).toThrow();
  });

  test('an unreachable store refuses nobody, and is named in the log', async () => {
    const { limits, log } = world({ add: () => Promise.reject(new Error('gone')) });
    const own = limits();
    await own.take(['auth'], 'a', response());
    await own.take(['auth'], 'a', response());
    await expect(own.take(['auth'], 'a', response())).rejects.toMatchObject(refusal);
    await own.close();
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { callers: 1, reason: 'gone' } }]);
  });

  test('an exchange that fails is one line in the log, however many callers it is for', async () => {
    const { limits, log } = world({ add: () => Promise.reject(new Error('gone')) });
    const own = limits();
    for (let n = 0; n < 50; n += 1) void own.take(['general'], `caller ${String(n)}`, response());
    await own.take(['auth'], 'caller 0', response());
    await own.close();
    expect(log.lines).toEqual([
      expect.objectContaining({ level: 'warn', fields: { callers: 51, reason: 'gone' } }),
    ]);
  });

  test('0 is no limit and sets no header', () => {
    const none = ratePolicies({ generalPerMinute: 0, authPerMinute: 0, mutationsPerSecond: 0 });
    const own = rateLimits({ policies: none, store: memoryCounts(none), log: memoryLog() });
    const answer = response();
    expect(own.take(['general', 'auth'], 'a', answer)).toBeUndefined();
    expect(answer.headers).toEqual({});
  });

  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::a:b:c:d', '2001:db8:0:0::/64'],
    ['2001:db8::e:b:c:d', '2001:db8:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['unknown', 'unknown'],
  ])('the address %s counts as %s', (ip, counted) => {
    expect(addressOf({ ip } as never)).toBe(counted);
  });
});
