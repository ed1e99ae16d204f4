/** What the interface says while PostgreSQL is away. */
import { expect } from '@jest/globals';
import { callerOf, type Answer, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import type { System } from '../support/system.ts';

/** An answer with the time it took. */
export type Look = Readonly<{ path: string; tookMs: number; answer: Answer }>;

export type Watch = Readonly<{
  /** Resolves once each path was looked at so many times. */
  seen: (count: number) => Promise<void>;
  /** Ends the watch with everything that was seen. */
  stop: () => Promise<readonly Look[]>;
}>;

const query = '/v1/market/overview';
/** The longest that a probe waits: orchestrators give up after a few seconds. */
const promptMs = 3_000;
/** A busy machine may stand still for a look or two, and no longer than this. */
const longestMs = 10_000;

/** Looks at health and at a query over and over, each as soon as it was answered. */
export function watchOutage(person: Person, { addresses }: System): Watch {
  const looks: Look[] = [];
  let stopping = false;
  const call = callerOf(addresses);
  const paths = ['/readyz', '/health', query];
  const look = async (path: string): Promise<void> => {
    while (!stopping) {
      const began = performance.now();
      const answer = await (path === query ? person.call : call)('GET', path);
      looks.push({ path, tookMs: performance.now() - began, answer });
      await new Promise((wake) => setTimeout(wake, 10));
    }
  };
  const looking = Promise.all(paths.map(look));
  return {
    seen: (count) =>
      eventually(() => {
        for (const path of paths) {
          expect(looks.filter((one) => one.path === path).length).toBeGreaterThanOrEqual(count);
        }
      }),
    stop: async () => {
      stopping = true;
      await looking;
      return looks;
    },
  };
}

/** Not ready, with the reason and soon; queries refused with the time to come back; nothing else. */
export function outageIsTold(looks: readonly Look[]): void {
  const of = (path: string): readonly Look[] => looks.filter((look) => look.path === path);
  const refusals = (path: string): readonly Look[] => of(path).filter(({ answer }) => answer.status !== 200);
  const refused = (path: string): readonly Answer[] => refusals(path).map(({ answer }) => answer);
  for (const path of ['/readyz', '/health']) {
    expect(middleOf(refusals(path))).toBeLessThan(promptMs);
    expect(Math.max(...of(path).map(({ tookMs }) => tookMs))).toBeLessThan(longestMs);
    expect(new Set(refused(path).map(({ status }) => status))).toEqual(new Set([503]));
  }
  expect(refused('/health')[0]?.body).toMatchObject({ status: 'unavailable' });
  for (const { body } of refused('/readyz')) {
    const { ready, parts } = body as {
      ready: boolean;
      parts: Record<string, { ready: boolean; detail?: string }>;
    };
    expect(ready).toBe(false);
    const away = Object.values(parts).filter((part) => !part.ready);
    expect(away.length).toBeGreaterThan(0);
    for (const { detail } of away) expect(detail).toMatch(/\w/);
  }
  for (const { status, headers } of refused(query)) {
    expect([503, 504]).toContain(status);
    expect(status === 504 || headers.has('retry-after')).toBe(true);
  }
}

/** What half of the looks took at most, in milliseconds. */
function middleOf(looks: readonly Look[]): number | undefined {
  const took = looks.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  return took[Math.floor((took.length - 1) / 2)];
}
