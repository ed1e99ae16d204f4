/**
 * Runs bars: `npm run bench -- p1 [--pairs 7] [--seed 42] [--profile] [--write]`. The last line is one JSON object; the
 * exit code is 1 below the gate, and 2 where this machine lacks what the bar needs. `--write` keeps the result in `docs/reference/performance.md`. `all` runs every bar in
 * turn, each in a process of its own, and ends with a table; `page` writes the page anew from what is kept.
 */
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bar } from './bar.ts';
import { barNames, runAll } from './run-all.ts';
import type { ContestResult } from './measure.ts';
import { recordPerformance, writePerformancePage, type BarRecord } from './performance-page.ts';
import { runBar } from './run-bar.ts';

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string' },
    seed: { type: 'string' },
    write: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});
const name = (positionals[0] ?? '').toLowerCase();
if (name === 'page') {
  await writePerformancePage();
} else if (name === 'all') {
  process.exitCode = (await runAll(passedOn(), print)) ? 0 : 1;
} else {
  const file = join(import.meta.dirname, `${name}.ts`);
  if (!/^p\d+$/.test(name) || !existsSync(file)) {
    print(`There is no bar "${name}". There are: all, ${barNames().join(', ')}.`);
    print('Usage: npm run bench -- p1 [--pairs 7] [--seed 42] [--profile] [--write]');
    process.exit(2);
  }
  const { bar } = (await import(file)) as { bar: Bar };
  const lacks = (await bar.lacking?.()) ?? null;
  if (lacks === null) process.exitCode = (await runOne(bar)) ? 0 : 1;
  else {
    print(`${bar.name} is not run: ${lacks}.`);
    process.exitCode = 2;
  }
}

/** The options of every bar of a run of all. */
function passedOn(): readonly string[] {
  const given = (['pairs', 'seed'] as const).flatMap((option) => {
    const value = values[option];
    return value === undefined ? [] : [`--${option}`, value];
  });
  return [...given, ...(values.write ? ['--write'] : [])];
}

async function runOne(bar: Bar): Promise<boolean> {
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  const asked = values.pairs === undefined ? (bar.pairs ?? 5) : Number(values.pairs);
  // Fewer than five pairs are for a quick look and never for the page; nor is what was measured under a profiler.
  const write = values.write && !values.profile;
  const pairs = write ? Math.max(5, asked) : asked;
  const record = await runBar(bar, { pairs, seed, profile: values.profile, print });
  if (write) {
    await recordPerformance(record);
    print('kept in docs/reference/performance.md');
  }
  return conclude(record);
}

function conclude({ bar, results, machine, load }: BarRecord): boolean {
  const held = results.filter(({ verdict }) => verdict !== 'reported');
  const [first, ...others] = held.length === 0 ? results : held;
  if (first === undefined) throw new Error(`${bar} has no contest.`);
  const nearest = others.reduce((a, b) => (margin(b) < margin(a) ? b : a), first);
  const met = results.every(({ verdict }) => verdict !== 'missed');
  const { ratio, gate, goal, subject, anchor, pairs } = nearest;
  print(
    JSON.stringify({
      bar,
      ratio,
      gate,
      goal,
      met,
      subject,
      anchor,
      pairs,
      machine,
      load,
      ...(results.length > 1 ? { contests: results } : {}),
    }),
  );
  return met;
}

/** How far a result is above its gate; below 1 it is missed. */
function margin({ verdict, ratio, gate, better }: ContestResult): number {
  if (gate === null) return Infinity;
  if (verdict === 'missed') return 0;
  return better === 'lower' ? gate / ratio : ratio / gate;
}
