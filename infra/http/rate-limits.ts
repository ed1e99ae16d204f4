import type { Request, Response } from 'express';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { reasonOf } from '../runtime/loop.ts';
import { countRefusedRequest } from '../telemetry/metrics.ts';
import { edgeProblem, ProblemError } from './problems.ts';

export type RateLimitSettings = Readonly<{
  generalPerMinute: number;
  authPerMinute: number;
  mutationsPerSecond: number;
}>;

/** A limit: so many points in a window that opens with the first of them. */
export type Policy = Readonly<{
  points: number;
  windowS: number;
  /** `at once`: each request asks the shared store · `soon`: processes exchange their counts every 200 ms. */
  shared: 'at once' | 'soon';
}>;

/** The one table of limits. 0 points: no limit. */
export function ratePolicies(settings: RateLimitSettings): Readonly<Record<PolicyName, Policy>> {
  return {
    general: { points: settings.generalPerMinute, windowS: 60, shared: 'soon' },
    auth: { points: settings.authPerMinute, windowS: 60, shared: 'at once' },
    mutations: { points: settings.mutationsPerSecond, windowS: 1, shared: 'soon' },
  };
}

export type PolicyName = 'general' | 'auth' | 'mutations';

/** Counts requests. Every process on one database sees the same counts. */
export type RateLimits = Readonly<{
  /**
   * Takes a point of each policy for whoever the key names, and says in the standard headers what is left.
   * @throws a problem `rate-limited`
   */
  take(policies: readonly PolicyName[], key: string, response: Response): void | Promise<void>;
  /** Writes what was counted and stops. Idempotent. */
  close(): Promise<void>;
}>;

/** Where counts of all processes come together. */
export type CountStore = Readonly<{
  add(policy: PolicyName, key: string, points: number): Promise<Readonly<{ total: number; resetMs: number }>>;
}>;

/** Counts in `runtime.rate_limits`. */
export function postgresCounts(
  database: Pick<Database, 'pool'>,
  policies: Readonly<Record<PolicyName, Policy>>,
): CountStore {
  const limiters = new Map(
    Object.entries(policies).map(([name, { points, windowS }]) => [
      name,
      new RateLimiterPostgres({
        storeClient: database.pool,
        storeType: 'pool',
        schemaName: 'runtime',
        tableName: 'rate_limits',
        tableCreated: true,
        clearExpiredByTimeout: false,
        keyPrefix: name,
        points: Math.max(points, 1),
        duration: windowS,
      }),
    ]),
  );
  return {
    add: async (policy, key, points) => {
      const result = await limiters.get(policy)?.penalty(key, points);
      if (!(result instanceof RateLimiterRes)) throw new TypeError(`There is no policy ${policy}.`);
      return { total: result.consumedPoints, resetMs: result.msBeforeNext };
    },
  };
}

/** Counts of one process, for tests. */
export function memoryCounts(
  policies: Readonly<Record<PolicyName, Policy>>,
  now = (): number => performance.now(),
): CountStore {
  const counts = new Map<string, { total: number; until: number }>();
  return {
    add: (policy, key, points) => {
      const name = `${policy}:${key}`;
      let count = counts.get(name);
      if (count === undefined || count.until <= now()) {
        count = { total: 0, until: now() + policies[policy].windowS * 1_000 };
        counts.set(name, count);
      }
      count.total += points;
      return Promise.resolve({ total: count.total, resetMs: count.until - now() });
    },
  };
}

/** A window as this process sees it: what all had used when last asked, and what it used itself since. */
type Window = { elsewhere: number; unsent: number; inFlight: number; until: number };

const exchangeMs = 200;
const maxWindows = 50_000;

export type RateLimitsOptions = Readonly<{
  policies: Readonly<Record<PolicyName, Policy>>;
  store: CountStore;
  log: Log;
  now?: () => number;
}>;

/** Where the store cannot be reached, each process goes on counting by itself: a limit is no reason to refuse everybody. */
export function rateLimits({
  policies,
  store,
  log,
  now = () => performance.now(),
}: RateLimitsOptions): RateLimits {
  const windows: Record<PolicyName, LRUCache<string, Window>> = {
    general: new LRUCache({ max: maxWindows }),
    auth: new LRUCache({ max: maxWindows }),
    mutations: new LRUCache({ max: maxWindows }),
  };
  /** Whose counts could not be shared since the last exchange told of it, by policy and key, and the last reason. */
  const unshared = { callers: new Set<string>(), error: undefined as unknown };
  let exchanging: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  function windowOf(name: PolicyName, key: string): Window {
    const all = windows[name];
    let window = all.get(key);
    if (window === undefined || window.until <= now()) {
      window = { elsewhere: 0, unsent: 0, inFlight: 0, until: now() + policies[name].windowS * 1_000 };
      all.set(key, window);
    }
    return window;
  }

  async function send(name: PolicyName, key: string, window: Window): Promise<void> {
    // Taken out before the answer is here: who sends meanwhile sends its own points alone.
    const points = window.unsent;
    if (points === 0) return;
    window.unsent = 0;
    window.inFlight += points;
    try {
      const { total, resetMs } = await store.add(name, key, points);
      window.elsewhere = total;
      window.until = now() + Math.max(resetMs, 0);
    } catch (error) {
      window.unsent += points;
      unshared.callers.add(`${name}:${key}`);
      unshared.error = error;
    } finally {
      window.inFlight -= points;
    }
  }

  async function sendAtOnce(name: PolicyName, key: string, window: Window): Promise<void> {
    await send(name, key, window);
    // The exchange tells of those that failed, together.
    if (unshared.callers.size > 0) exchangeSoon();
  }

  async function exchange(): Promise<void> {
    const due = (Object.keys(windows) as PolicyName[]).flatMap((name) =>
      [...windows[name]]
        .filter(([, window]) => window.unsent > 0)
        .map(([key, window]) => ({ name, key, window })),
    );
    // One after another: counts never take more than one connection of the pool.
    for (const { name, key, window } of due) {
      if (window.until > now()) await send(name, key, window);
    }
    for (const all of Object.values(windows)) {
      for (const [key, window] of [...all]) if (window.until <= now()) all.delete(key);
    }
    tellUnshared();
  }

  function tellUnshared(): void {
    const { callers, error } = unshared;
    if (callers.size === 0) return;
    log.warn('Counts of rate limits could not be shared.', { callers: callers.size, ...reasonOf(error) });
    callers.clear();
  }

  function exchangeSoon(): void {
    timer ??= setTimeout(() => {
      exchanging = exchange().finally(() => {
        timer = undefined;
      });
    }, exchangeMs).unref();
  }

  function judge(taken: readonly Taken[], response: Response): void {
    response.setHeader('ratelimit-policy', taken.map(({ name }) => policyHeaders[name]).join(', '));
    let refused: Taken | undefined;
    const left = taken.map((each) => {
      const { elsewhere, unsent, inFlight } = each.window;
      const { points, shared } = policies[each.name];
      // At once: the answer just received has the own point in it, and perhaps those under way.
      const used = elsewhere + unsent + (shared === 'soon' ? inFlight : 0);
      if (used > points) refused ??= each;
      return `"${each.name}";r=${String(Math.max(points - used, 0))};t=${String(secondsLeft(each.window))}`;
    });
    response.setHeader('ratelimit', left.join(', '));
    if (refused === undefined) return;
    countRefusedRequest(refused.name);
    throw new ProblemError(
      edgeProblem('rate-limited', {
        about: { policy: refused.name },
        headers: { 'retry-after': String(Math.max(secondsLeft(refused.window), 1)) },
      }),
    );
  }

  const secondsLeft = ({ until }: Window): number => Math.max(Math.ceil((until - now()) / 1_000), 0);
  // https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
  const policyHeaders = Object.fromEntries(
    Object.entries(policies).map(([name, { points, windowS }]) => [
      name,
      `"${name}";q=${String(points)};w=${String(windowS)}`,
    ]),
  ) as Record<PolicyName, string>;

  return {
    take: (names, key, response) => {
      const taken: Taken[] = [];
      const waits: Promise<void>[] = [];
      for (const name of names) {
        const policy = policies[name];
        if (policy.points === 0) continue;
        const window = windowOf(name, key);
        window.unsent += 1;
        taken.push({ name, window });
        if (policy.shared === 'at once') waits.push(sendAtOnce(name, key, window));
        else exchangeSoon();
      }
      if (taken.length === 0) return undefined;
      if (waits.length === 0) {
        judge(taken, response);
        return undefined;
      }
      return Promise.all(waits).then(() => {
        judge(taken, response);
      });
    },
    close: async () => {
      clearTimeout(timer);
      timer = undefined;
      await exchanging;
      await exchange();
    },
  };
}

type Taken = Readonly<{ name: PolicyName; window: Window }>;

/** The address a request comes from, behind trusted proxies. IPv6 counts by its /64, which one customer holds. */
export function addressOf(request: Request): string {
  const ip = request.ip ?? request.socket.remoteAddress ?? 'unknown';
  if (!ipaddr.IPv6.isValid(ip)) return ip;
  const address = ipaddr.IPv6.parse(ip);
  if (address.isIPv4MappedAddress()) return address.toIPv4Address().toString();
  // The groups as numbers: written short, an address leaves out groups of zeros anywhere.
  const network = address.parts.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}
