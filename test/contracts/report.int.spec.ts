/** The report is true: each of its marks is a test that the adapter’s spec has, and no other clause is run in its name. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { root } from '../support/source-files.ts';
import { runs } from './report.ts';
import { suites } from './suites.ts';

type Listing = Readonly<{
  testResults: readonly {
    name: string;
    assertionResults: readonly { ancestorTitles: readonly string[]; title: string }[];
  }[];
}>;

/** Suites of engines have tests where their engine is named; nobody is called, since no test is run. */
const engines = {
  KAFKA_BROKERS: '127.0.0.1:1',
  SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
  EVENTSTORE_URL: '',
};

/** Titles of tests by spec and suite: `<spec> <port>: <adapter>`. */
const titles = new Map<string, string[]>();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-contracts-'));
  const outcome = join(folder, 'tests.json');
  const specs = [...new Set(suites.flatMap(({ adapters }) => adapters.map(({ spec }) => spec)))];
  await jest([
    ...['--config', join(root, 'jest.config.js'), '--selectProjects', 'unit', 'int', 'engines'],
    ...['--coverage=false', '--maxWorkers=1', '--json', `--outputFile=${outcome}`],
    // Loads the specs and runs nothing.
    ...['--testNamePattern', '^no test has this name$', '--runTestsByPath'],
    ...specs.map((spec) => join(import.meta.dirname, spec)),
  ]);
  const { testResults } = JSON.parse(await readFile(outcome, 'utf8')) as Listing;
  for (const { name, assertionResults } of testResults) {
    for (const { ancestorTitles, title } of assertionResults) {
      const key = `${basename(name)} ${ancestorTitles.at(-1) ?? ''}`;
      titles.set(key, [...(titles.get(key) ?? []), title]);
    }
  }
}, 180_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

function jest(args: readonly string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(
      process.execPath,
      ['--experimental-vm-modules', join(root, 'node_modules/jest/bin/jest.js'), ...args],
      { cwd: root, env: { ...process.env, ...engines }, stdio: 'ignore' },
    );
    child.once('error', fail);
    child.once('exit', () => {
      done();
    });
  });
}

const cases = suites.flatMap(({ port, clauses, adapters }) =>
  adapters.map((adapter) => ({ port, clauses, adapter, name: adapter.name })),
);

test.each(cases)('$port: $name runs what its column says, and nothing else', ({ port, clauses, adapter }) => {
  const expected = clauses
    .filter(({ name }) => runs(adapter, name))
    .map(({ name, sentence }) => `${name}: ${sentence}`);
  expect(expected.length).toBeGreaterThan(0);
  // Cases of the adapter alone may stand in a block of the same name.
  const known = new Set(clauses.map(({ name, sentence }) => `${name}: ${sentence}`));
  const found = titles.get(`${adapter.spec} ${port}: ${adapter.name}`) ?? [];
  expect(found.filter((title) => known.has(title))).toEqual(expected);
});
