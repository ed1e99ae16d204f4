import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { coverageArguments, judge, mergeCoverage, reportCoverage } from './coverage.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-coverage-'));
});
afterEach(async () => {
  jest.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const root = '/house';
const place = (line: number): object => ({ start: { line, column: 0 }, end: { line, column: 9 } });

/** A run that went through the lines of files so many times each; a file's branch has two ways. */
async function run(
  name: string,
  files: Readonly<Record<string, Readonly<{ lines: readonly number[]; ways?: readonly number[] }>>>,
): Promise<string> {
  const counted = Object.entries(files).map(([file, { lines, ways = [0, 0] }]) => {
    const path = `${root}/${file}`;
    const statements = Object.fromEntries(lines.map((_, at) => [at, place(at + 1)]));
    const data = {
      path,
      statementMap: statements,
      fnMap: {},
      branchMap: { 0: { type: 'if', loc: place(1), locations: [place(1), place(2)], line: 1 } },
      s: Object.fromEntries(lines.entries()),
      f: {},
      b: { 0: ways },
    };
    return [path, data];
  });
  await mkdir(join(folder, name));
  await writeFile(join(folder, name, 'coverage-final.json'), JSON.stringify(Object.fromEntries(counted)));
  return join(folder, name);
}

test('what several runs tried is added up, and judged once', async () => {
  const folders = [
    await run('first', { 'infra/a.ts': { lines: [1, 0, 0, 0], ways: [1, 0] } }),
    await run('second', { 'infra/a.ts': { lines: [1, 3, 1, 0], ways: [0, 2] } }),
    join(folder, 'a run that tried nothing'),
  ];
  const merged = mergeCoverage(folders, { root, ran: new Set(['unit', 'engines']) });
  expect(judge(merged, { global: { lines: 75, branches: 100 } }, root)).toEqual([]);
  expect(judge(merged, { global: { lines: 76, branches: 100, statements: 80 } }, root)).toEqual([
    'Coverage of global: 75 % of lines, and 76 % are the least.',
    'Coverage of global: 75 % of statements, and 80 % are the least.',
  ]);
  const alone = mergeCoverage(folders.slice(0, 1), { root, ran: new Set() });
  expect(judge(alone, { global: { lines: 75 } }, root)).toEqual([
    'Coverage of global: 25 % of lines, and 75 % are the least.',
  ]);
});

test('a folder with a threshold of its own is judged by that alone', async () => {
  const folders = [
    await run('one', { 'kernel/a.ts': { lines: [1, 0] }, 'infra/kernel/b.ts': { lines: [1, 1, 1, 0] } }),
  ];
  const merged = mergeCoverage(folders, { root, ran: new Set() });
  expect(judge(merged, { global: { lines: 75 }, './kernel/': { lines: 50 } }, root)).toEqual([]);
  expect(judge(merged, { global: { lines: 75 }, './kernel/': { lines: 51 } }, root)).toEqual([
    'Coverage of ./kernel/: 50 % of lines, and 51 % are the least.',
  ]);
  expect(judge(merged, { './sagas/': { lines: 1 } }, root)).toEqual([
    'Coverage of ./sagas/: no file was counted.',
  ]);
});

test.each([
  ['infra/topics/kafka-reader.ts', false],
  ['infra/topics/known-ends.ts', false],
  ['infra/registry/confluent.ts', false],
  ['infra/topics/postgres-topics.ts', true],
  ['infra/topics/open-topics.ts', true],
])('%s counts without the tier of engines: %s', async (file, counts) => {
  const folders = [await run('one', { [file]: { lines: [0] }, 'infra/a.ts': { lines: [1] } })];
  const without = mergeCoverage(folders, { root, ran: new Set(['unit', 'int']) });
  expect(without.files().includes(`${root}/${file}`)).toBe(counts);
  const all = mergeCoverage(folders, { root, ran: new Set(['unit', 'int', 'engines']) });
  expect(all.files()).toContain(`${root}/${file}`);
});

test('the usual thresholds are for units and integrations together, others are given', () => {
  const { wanted, thresholds, others } = coverageArguments(['infra', '--coverage', '-t', 'a reader']);
  expect([wanted, others]).toEqual([true, ['infra', '-t', 'a reader']]);
  expect(Object.keys(thresholds(new Set(['unit', 'int', 'engines'])))).toEqual(['global', './kernel/']);
  expect(thresholds(new Set(['engines']))).toEqual({});
  const own = coverageArguments(['--coverage', '--coverageThreshold={"global":{"lines":1}}']);
  expect(own.others).toEqual([]);
  expect(own.thresholds(new Set())).toEqual({ global: { lines: 1 } });
  expect(coverageArguments(['infra']).wanted).toBe(false);
});

test('the summary is shown, and files for tools stand beside', async () => {
  const merged = mergeCoverage([await run('one', { 'infra/a.ts': { lines: [1, 0] } })], {
    root,
    ran: new Set(),
  });
  const shown: string[] = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    shown.push(String(text));
    return true;
  });
  jest.spyOn(console, 'log').mockImplementation((text) => {
    shown.push(String(text));
  });
  reportCoverage(merged, join(folder, 'report'));
  jest.restoreAllMocks();
  expect(shown.join('')).toMatch(/Lines +: 50% \( 1\/2 \)/);
  const summary = JSON.parse(await readFile(join(folder, 'report/coverage-summary.json'), 'utf8')) as object;
  expect(summary).toMatchObject({ total: { lines: { pct: 50 } } });
  expect(await readFile(join(folder, 'report/lcov.info'), 'utf8')).toContain('SF:');
});
