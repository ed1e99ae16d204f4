import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { suites } from '../contracts/suites.ts';
import { root, textOf } from '../support/source-files.ts';
import { unshown } from './guarantees.ts';

const known = {
  promises: new Set(suites.flatMap(({ port, clauses }) => clauses.map(({ name }) => `${port}/${name}`))),
  specOf: (path: string): string | undefined => (existsSync(join(root, path)) ? textOf(path) : undefined),
};

test('every guarantee by engine names promises and tests that are there', () => {
  const page = textOf('docs/explanation/guarantees-by-engine.md');
  expect(unshown(page, known)).toEqual([]);
  const about = (heading: string): readonly string[] => {
    const [, section = ''] = page.split(`## ${heading}\n`);
    return [...(section.split('\n## ')[0] ?? '').matchAll(/^\| ([a-z ]+?) +\|/gm)].map(
      ([, name = '']) => name,
    );
  };
  const asked = ['order', 'atomicity', 'duplicates', 'loss', 'visibility', 'retention', 'sealed', 'backup'];
  for (const heading of ['The log', 'Topics']) expect(about(heading)).toEqual(expect.arrayContaining(asked));
});

test('a row that names nothing, or what is not there, is found', () => {
  const page = [
    '| Guarantee | One | Shown by |',
    '| --------- | --- | -------- |',
    '| order | yes | `event store/no-stream`, [a.spec.ts "is kept, after %s"] |',
    '| loss | no | |',
    '| size | any | `topics/gone`, [a.spec.ts "gone"], [b.spec.ts "is kept"] |',
  ].join('\n');
  const specOf = (path: string) =>
    path === 'a.spec.ts' ? "test('is kept, after %s', () => {});" : undefined;
  expect(unshown(page, { ...known, specOf })).toEqual([
    'loss: nothing shows it',
    'size: topics/gone is not there',
    'size: a.spec.ts "gone" is not there',
    'size: b.spec.ts "is kept" is not there',
  ]);
});
