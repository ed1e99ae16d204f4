/**
 * Runs the tests: `node test/run.ts [unit|int|e2e|all] [jest arguments]`. Starts the one PostgreSQL that integration tests
 * share, hands everything else to jest, and ends with one line `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startTestPostgres } from './support/global-setup.ts';

const tiers = ['unit', 'int', 'e2e'];
const root = resolve(import.meta.dirname, '..');

/** The part of jest's report that the closing line is made of. */
type Counts = Record<
  'numPassedTests' | 'numFailedTests' | 'numPendingTests' | 'numRuntimeErrorTestSuites',
  number
>;

const [first = 'all', ...others] = process.argv.slice(2);
const tier = tiers.includes(first) ? first : 'all';
const jestArguments = tiers.includes(first) || first === 'all' ? others : [first, ...others];

const stop = tier === 'unit' ? undefined : await startTestPostgres();
const results = await mkdtemp(join(tmpdir(), 'daybook-results-'));
try {
  const outcome = join(results, 'outcome.json');
  const code = await jest(['--json', `--outputFile=${outcome}`, ...jestArguments]);
  const counts = JSON.parse(await readFile(outcome, 'utf8').catch(() => '{}')) as Partial<Counts>;
  const failed = (counts.numFailedTests ?? 0) + (counts.numRuntimeErrorTestSuites ?? 0);
  const passed = counts.numPassedTests ?? 0;
  const skipped = counts.numPendingTests ?? 0;
  process.stdout.write(
    `${String(passed)} passed, ${String(failed)} failed${skipped === 0 ? '' : `, ${String(skipped)} skipped`}\n`,
  );
  process.exitCode = code === 0 && passed === 0 ? 1 : code;
} finally {
  await rm(results, { recursive: true, force: true });
  await stop?.();
}

function jest(args: readonly string[]): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(
      process.execPath,
      [
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        join(root, 'node_modules/jest/bin/jest.js'),
        '--config',
        join(root, 'jest.config.js'),
        ...(tier === 'all' ? [] : ['--selectProjects', tier]),
        ...args,
      ],
      { cwd: root, stdio: 'inherit' },
    );
    child.on('error', fail);
    child.on('exit', (code) => {
      done(code ?? 1);
    });
  });
}
