import { resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { startScript } from '../support/processes.ts';
import { requiredEngines } from './required.ts';

test('names are separated by commas, and none is required by default', () => {
  expect(requiredEngines('kafka, registry,eventstoredb-standin')).toEqual([
    'kafka',
    'registry',
    'eventstoredb-standin',
  ]);
  expect(requiredEngines('')).toEqual([]);
});

test('a name that is not known is refused in one line, before anything runs', async () => {
  const run = startScript(resolve(import.meta.dirname, '../run.ts'), ['unit'], {
    REQUIRE_ENGINES: 'kafka,kafak',
  });
  expect(await run.ended).toBe(2);
  expect(run.output()).toBe(
    'REQUIRE_ENGINES: kafak is not known; known are kafka, registry, eventstoredb, eventstoredb-standin, chromium.\n',
  );
});
