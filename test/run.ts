/**
 * Runs the tests: `node test/run.ts [unit|int|e2e|faults|engines|all|everything] [jest arguments]`; `all` are the first three,
 * `everything` is all of them. Starts the one PostgreSQL that tests share, and for `engines` the broker and the registry,
 * hands everything else to jest, and ends with one line `N passed, N failed`. With `--coverage`, what units, integrations and
 * suites against engines try is counted together (see `coverage.ts`). With `--write`, pages that tests compare with what is so are written anew.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { coverageArguments, judge, mergeCoverage, reportCoverage } from './coverage.ts';
import { requiredEngines } from './engines/required.ts';
import { sharedEngine, startSharedEngines } from './engines/shared.ts';
import { startTestPostgres } from './support/global-setup.ts';

type Round = Readonly<{ tiers: readonly string[]; arguments: readonly string[]; counted?: true }>;

/**
 * What runs together. End-to-end suites start whole systems: they run by themselves, one at a time. Nothing is counted in
 * processes that tests start.
 */
const rounds: readonly Round[] = [
  { tiers: ['unit', 'int'], arguments: ['--maxWorkers=100%'], counted: true },
  { tiers: ['e2e'], arguments: ['--maxWorkers=1'] },
  // Cases of faults mostly wait, for leases and for processes: some stand it side by side.
  { tiers: ['faults'], arguments: ['--maxWorkers=4'] },
  // Suites against real engines share one broker, each with topics of its own.
  { tiers: ['engines'], arguments: ['--maxWorkers=2'], counted: true },
];

/** Tiers that no other one brings with it. */
const apart = ['faults', 'engines'];
const root = resolve(import.meta.dirname, '..');

/** The part of jest's report that the closing line is made of. */
type Counts = Record<
  'numPassedTests' | 'numFailedTests' | 'numPendingTests' | 'numRuntimeErrorTestSuites',
  number
>;

const known = ['all', 'everything', ...rounds.flatMap(({ tiers }) => tiers)];
const [first = 'all', ...others] = process.argv.slice(2).filter((argument) => argument !== '--write');
if (process.argv.includes('--write')) process.env['WRITE_PAGES'] = '1';
const tier = known.includes(first) ? first : 'all';
const coverage = coverageArguments(known.includes(first) ? others : [first, ...others]);

try {
  requiredEngines();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(2);
}

// Told to stop, it stops jest, and then what it started itself.
let underWay: ChildProcess | undefined;
const told = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    told.abort();
    process.exitCode = 1;
    underWay?.kill(signal);
  });
}

const stop = tier === 'unit' ? undefined : await startTestPostgres();
let stopEngines: (() => Promise<void>) | undefined;
const results = await mkdtemp(join(tmpdir(), 'daybook-results-'));
const total = { passed: 0, failed: 0, skipped: 0 };
const ran = new Set<string>();
const countedIn: string[] = [];
try {
  for (const round of rounds) {
    const tiers = round.tiers.filter(
      (name) => tier === 'everything' || tier === name || (tier === 'all' && !apart.includes(name)),
    );
    if (tiers.length === 0 || told.signal.aborted) continue;
    // Not sooner: their URLs stand in the environment, which everything else reads too.
    if (tiers.includes('engines')) stopEngines = await startSharedEngines();
    const outcome = join(results, `${tiers.join('-')}.json`);
    const counted = coverage.wanted && round.counted === true;
    const countedTo = join(results, tiers.join('-'));
    const code = await jest(
      [
        ...['--selectProjects', ...tiers, '--json', `--outputFile=${outcome}`, '--passWithNoTests'],
        ...coverage.others,
        // The last of two equal options counts.
        ...round.arguments,
        ...(counted ? ['--coverage', `--coverageDirectory=${countedTo}`] : ['--coverage=false']),
      ],
      // Of files that no test loads the first round tells.
      countedIn.length === 0 ? {} : { COVERAGE_OF_LOADED: '1' },
    );
    if (counted) countedIn.push(countedTo);
    if (code !== 0) process.exitCode = code;
    const counts = JSON.parse(await readFile(outcome, 'utf8').catch(() => '{}')) as Partial<Counts>;
    total.passed += counts.numPassedTests ?? 0;
    total.failed += (counts.numFailedTests ?? 0) + (counts.numRuntimeErrorTestSuites ?? 0);
    total.skipped += counts.numPendingTests ?? 0;
    if ((counts.numPassedTests ?? 0) > 0) tiers.filter(isWhole).forEach((name) => ran.add(name));
  }
  if (countedIn.length > 0 && !told.signal.aborted) tellCoverage();
} finally {
  await rm(results, { recursive: true, force: true });
  await stopEngines?.();
  await stop?.();
}
const { passed, failed, skipped } = total;
// Where engines are not to be had, all of their suites are skipped.
if (passed === 0 && (tier !== 'engines' || skipped === 0)) process.exitCode = 1;
process.stdout.write(
  `${String(passed)} passed, ${String(failed)} failed${skipped === 0 ? '' : `, ${String(skipped)} skipped`}\n`,
);

/** Where an engine is not to be had, its suites are skipped. */
function isWhole(name: string): boolean {
  return name !== 'engines' || (['kafka', 'registry'] as const).every((one) => 'url' in sharedEngine(one));
}

/** Shows what was tried, and fails the run where that is too little. */
function tellCoverage(): void {
  const merged = mergeCoverage(countedIn, { root, ran });
  reportCoverage(merged, join(root, 'coverage'));
  const missed = judge(merged, coverage.thresholds(ran), root);
  for (const sentence of missed) process.stderr.write(`${sentence}\n`);
  if (missed.length > 0) process.exitCode ||= 1;
}

function jest(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(
      process.execPath,
      [
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        join(root, 'node_modules/jest/bin/jest.js'),
        ...['--config', join(root, 'jest.config.js')],
        ...args,
      ],
      { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } },
    );
    underWay = child;
    child.on('error', fail);
    child.on('exit', (code) => {
      done(code ?? 1);
    });
  });
}
