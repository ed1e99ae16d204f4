/** Suites that run against real engines, and are skipped with the reason where one is not to be had. */
import { describe, test } from '@jest/globals';
import { sharedEngine, type EngineName } from './shared.ts';

/**
 * Registers a suite with the URLs of the engines it needs, in their order.
 * @param lacks what else is not there that it needs, in words
 */
export function describeWithEngines(
  title: string,
  names: readonly EngineName[],
  suite: (...urls: string[]) => void,
  lacks: string | null = null,
): void {
  const found = names.map((name) => ({ name, ...sharedEngine(name) }));
  const absent = found.flatMap((one) => ('absent' in one ? [`${one.name}: ${one.absent}`] : []));
  if (lacks !== null) absent.push(lacks);
  if (absent.length > 0) {
    describe(title, () => {
      test.skip(`skipped, ${absent.join(', ')}`, () => undefined);
    });
    return;
  }
  const urls = found.flatMap((one) => ('url' in one ? [one.url] : []));
  describe(title, () => {
    suite(...urls);
  });
}
