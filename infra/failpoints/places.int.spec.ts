import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Failpoint } from './failpoint-place.ts';
import { failpoints } from './names.ts';

const root = join(import.meta.dirname, '../..');

test.each(Object.entries<Failpoint>(failpoints))('%s stands in its file', (name, { file, means }) => {
  expect(readFileSync(join(root, file), 'utf8')).toMatch(new RegExp(`(failpoint|underWay)\\(\\s*'${name}'`));
  expect(means).toMatch(/^[A-Z].*\.$/);
});
