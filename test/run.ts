/**
 * Runs the tests: `node test/run.ts [unit|int|e2e|faults|engines|all|everything] [jest arguments]`; `all` are the first three,
 * `everything` is all of them. Starts the one PostgreSQL that tests share, and for `engines` the broker and the registry,
 * hands everything else to jest, and ends with one line `N passed, N failed`. With `--write`, pages that tests compare with what is so are written anew.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { requiredEngines } from './engines/required.ts';
import { startSharedEngines } from './engines/shared.ts';
import { startTestPostgres } from './support/global-setup.ts';

/** What runs together. End-to-end suites start whole systems: they run by themselves, one at a time. */
const rounds: readonly { tiers: readonly string[]; arguments: readonly string[] }[] = [
  { tiers: ['unit', 'int'], arguments: ['--maxWorkers=100%'] },
  { tiers: ['e2e'], arguments: ['--maxWorkers=1', '--coverage=false'] },
  // Cases of faults mostly wait, for leases and for processes: some stand it side by side.
  { tiers: ['faults'], arguments: ['--maxWorkers=4', '--coverage=false'] },
  // Suites against real engines share one broker, each with topics of its own.
  { tiers: ['engines'], arguments: ['--maxWorkers=2', '--coverage=false'] },
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
const jestArguments = known.includes(first) ? others : [first, ...others];

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
try {
  for (const round of rounds) {
    const tiers = round.tiers.filter(
      (name) => tier === 'everything' || tier === name || (tier === 'all' && !apart.includes(name)),
    );
    if (tiers.length === 0 || told.signal.aborted) continue;
    // Not sooner: their URLs stand in the environment, which everything else reads too.
    if (tiers.includes('engines')) stopEngines = await startSharedEngines();
    const outcome = join(results, `${tiers.join('-')}.json`);
    const code = await jest([
      ...['--selectProjects', ...tiers, '--json', `--outputFile=${outcome}`, '--passWithNoTests'],
      ...jestArguments,
      // The last of two equal options counts.
      ...round.arguments,
    ]);
    if (code !== 0) process.exitCode = code;
    const counts = JSON.parse(await readFile(outcome, 'utf8').catch(() => '{}')) as Partial<Counts>;
    total.passed += counts.numPassedTests ?? 0;
    total.failed += (counts.numFailedTests ?? 0) + (counts.numRuntimeErrorTestSuites ?? 0);
    total.skipped += counts.numPendingTests ?? 0;
  }
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

function jest(args: readonly string[]): Promise<number> {
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
      { cwd: root, stdio: 'inherit' },
    );
    underWay = child;
    child.on('error', fail);
    child.on('exit', (code) => {
      done(code ?? 1);
    });
  });
}
