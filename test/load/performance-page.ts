import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Bar } from './bar.ts';
import { rounded, type ContestResult } from './measure.ts';

const page = join(import.meta.dirname, '../../docs/reference/performance.md');

const head = `# Performance

Every figure is a ratio taken inside one run: subject and anchor in turn, medians compared, on a PostgreSQL with fsync
on. \`npm run bench -- p1\` repeats a bar; \`--write\` keeps its result here. Absolute figures belong to the machine named
beside them.

`;

const columns = ['Bar', 'Subject', 'Anchor', 'Ratio', 'Gate', 'Goal', 'Reached', 'Pairs', 'Machine', 'Date'];

/** Writes a bar's results into the page; rows of other bars stay. */
export async function recordPerformance(
  bar: Bar,
  results: readonly ContestResult[],
  machine: string,
): Promise<void> {
  const before = await readFile(page, 'utf8').catch(() => '');
  await mkdir(dirname(page), { recursive: true });
  await writeFile(page, updatedPage(before, bar.name, rowsOf(bar, results, machine, new Date())));
}

/** The page with a bar's rows replaced, bars in numeric order. */
export function updatedPage(before: string, bar: string, rows: readonly (readonly string[])[]): string {
  const kept = before
    .split('\n')
    .filter((line) => /^\| P\d+ /.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([name]) => name !== bar.toUpperCase());
  const number = (row: readonly string[]): number => Number(row[0]?.slice(1));
  const all = [...kept, ...rows].sort((a, b) => number(a) - number(b));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return `${head}${[columns, columns.map(() => '---'), ...all].map(line).join('\n')}\n`;
}

function rowsOf(bar: Bar, results: readonly ContestResult[], machine: string, at: Date): string[][] {
  return results.map(({ subject, anchor, ratio, gate, goal, verdict, pairs, p99Ms }) => {
    const limit = (which: 'gate' | 'goal', value: number): string =>
      p99Ms === undefined ? String(value) : `${String(value)}, p99 ${String(p99Ms[which])} ms`;
    return [
      bar.name.toUpperCase(),
      `${subject.name}: ${rounded(subject.median)} ${subject.unit}`,
      anchor === null ? '(absolute)' : `${anchor.name}: ${rounded(anchor.median)} ${anchor.unit}`,
      subject.p99Ms === undefined ? rounded(ratio) : `${rounded(ratio)}, p99 ${rounded(subject.p99Ms)} ms`,
      limit('gate', gate),
      limit('goal', goal),
      verdict,
      String(pairs),
      machine,
      at.toISOString().slice(0, 10),
    ];
  });
}
