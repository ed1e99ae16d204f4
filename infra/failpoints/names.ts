import type { Failpoint } from './failpoint-place.ts';
import { logFailpoints } from './names-of-log.ts';
import { runtimesFailpoints } from './names-of-runtimes.ts';
import { scrapersFailpoints } from './names-of-scrapers.ts';
import { topicsFailpoints } from './names-of-topics.ts';

/**
 * Every failpoint by name, `<loop>.<step>`: `writing` before a step that commits or sends, `written` after it. The kill
 * matrix (`test/faults`) lets a system die at each of them, and fails for a name that is never reached.
 */
export const failpoints = {
  ...logFailpoints,
  ...topicsFailpoints,
  ...runtimesFailpoints,
  ...scrapersFailpoints,
} as const satisfies Readonly<Record<string, Failpoint>>;

export type FailpointName = keyof typeof failpoints;
