import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { allDefinitions } from './definitions.ts';
import { referencePages } from './outputs.ts';

test.each([...referencePages()])('%s is what the code says (npm run generate)', (path, text) => {
  expect(readFileSync(join(import.meta.dirname, '../..', path), 'utf8')).toBe(text);
});

test('every projection that is read exists, and names are used once', () => {
  const { commands, queries, streams, projections, processes } = allDefinitions();
  const names = projections.map(({ name }) => name);
  for (const { reads } of queries) expect(names).toEqual(expect.arrayContaining([...reads]));
  for (const list of [commands, [...queries, ...streams], projections, processes]) {
    const used = list.map(({ name }) => name);
    expect(used).toEqual([...new Set(used)]);
  }
});
