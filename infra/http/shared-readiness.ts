import type { Readiness } from '../platform.ts';

/** How long an answer holds after it came. */
const holdsMs = 1_000;

/** One evaluation for all who ask at once, and within a second after. */
export type SharedReadiness = Readonly<{
  /** Never rejects. */
  ask: () => Promise<Readiness>;
  /** Something failed that a good answer speaks against: who asks next gets a new one. */
  forget: () => void;
}>;

/** Shares what `ready` tells, so that nobody makes work by asking often; a failure of it means not ready. */
export function sharedReadiness(ready: () => Promise<Readiness>): SharedReadiness {
  let current: Promise<Readiness> | undefined;
  let holdsUntil = Infinity;
  let forgotten = false;
  return {
    ask: () => {
      if (current === undefined || performance.now() >= holdsUntil) {
        holdsUntil = Infinity;
        forgotten = false;
        current = ready()
          .catch(() => ({ ready: false, parts: { process: { ready: false, detail: 'cannot tell' } } }))
          .finally(() => {
            holdsUntil = forgotten ? 0 : performance.now() + holdsMs;
          });
      }
      return current;
    },
    forget: () => {
      forgotten = true;
      // What is under way is waited for by all, whatever fails meanwhile.
      if (holdsUntil !== Infinity) holdsUntil = 0;
    },
  };
}
