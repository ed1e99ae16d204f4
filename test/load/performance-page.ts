/** Keeps what benches measured in `results.json`, and writes `docs/reference/performance.md` from it. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { rounded, type ContestResult, type Verdict } from './measure.ts';
import { notes as allNotes, type Notes } from './notes.ts';

/** One run of one bar, as it is kept. */
export type BarRecord = Readonly<{
  bar: string;
  title: string;
  results: readonly ContestResult[];
  machine: string;
  /** PostgreSQL's settings. */
  server: string;
  /** Load of the machine (1 minute) before and after. */
  load: readonly [number, number];
  seed: number;
  /** ISO 8601, UTC: the day. */
  date: string;
}>;

const page = join(import.meta.dirname, '../../docs/reference/performance.md');
const kept = join(import.meta.dirname, 'results.json');

/** Keeps a bar's results in place of its former ones, and writes the page anew. */
export async function recordPerformance(record: BarRecord): Promise<void> {
  const all = replaced(await keptRecords(), record);
  await writeFile(kept, `${JSON.stringify(all, null, 2)}\n`);
  await writePerformancePage();
}

/** Writes the page from what is kept. */
export async function writePerformancePage(): Promise<void> {
  await mkdir(dirname(page), { recursive: true });
  await writeFile(page, performancePage(await keptRecords(), allNotes));
}

async function keptRecords(): Promise<readonly BarRecord[]> {
  return JSON.parse(await readFile(kept, 'utf8').catch(() => '[]')) as BarRecord[];
}

/** Records with one of them replaced or added, bars in numeric order. */
export function replaced(records: readonly BarRecord[], record: BarRecord): readonly BarRecord[] {
  const number = ({ bar }: BarRecord): number => Number(bar.slice(1));
  return [...records.filter(({ bar }) => bar !== record.bar), record].sort((a, b) => number(a) - number(b));
}

const head = `# Performance

Every figure is a ratio taken inside one run: subject and anchor in turn, medians compared, on a PostgreSQL with fsync
on. A run after which anything is lost or doubled is thrown away. \`gate\` is the least that may stand, \`goal\` what is
aimed at; what has neither is reported. \`npm run bench -- p1\` repeats a bar, \`npm run bench -- all --write\` writes this page; see
[how to measure](../how-to/measure.md). Absolute figures belong to the machine named beside them.

`;

/** The page: a table of ratios, where the time goes where a goal is not reached, the absolute figures, the conditions. */
export function performancePage(records: readonly BarRecord[], notes: Notes): string {
  const rows = records.flatMap((record) => record.results.map((result) => ({ record, result })));
  const ratios = table(
    ['Bar', 'Subject', 'Against', 'Ratio', 'Gate', 'Goal', 'Reached'],
    rows.map(({ record, result }) => [
      record.bar.toUpperCase(),
      result.subject.name,
      result.anchor?.name ?? '(absolute)',
      ratioOf(result),
      limitOf(result, 'gate'),
      limitOf(result, 'goal'),
      reached[result.verdict],
    ]),
  );
  const absolutes = table(
    ['Bar', 'Subject', 'Median', 'Against', 'Median', 'Pairs'],
    rows.map(({ record: { bar }, result: { subject, anchor, pairs } }) => [
      bar.toUpperCase(),
      subject.name,
      `${rounded(subject.median)} ${subject.unit}`,
      anchor?.name ?? '(absolute)',
      anchor === null ? '' : `${rounded(anchor.median)} ${anchor.unit}`,
      String(pairs),
    ]),
  );
  const conditions = table(
    ['Bar', 'What it is', 'Machine', 'PostgreSQL', 'Load before, after', 'Seed', 'Date'],
    records.map(({ bar, title, machine, server, load, seed, date }) => [
      bar.toUpperCase(),
      title,
      machine,
      server,
      load.map((one) => one.toFixed(1)).join(', '),
      String(seed),
      date,
    ]),
  );
  return `${head}## Ratios\n\n${ratios}\n\n${belowGoal(records, notes)}## Absolute figures\n\n${absolutes}\n\n## Conditions\n\n${conditions}\n`;
}

const reached: Readonly<Record<Verdict, string>> = {
  goal: 'goal',
  gate: 'gate',
  missed: '**below gate**',
  reported: 'reported',
};

function belowGoal(records: readonly BarRecord[], notes: Notes): string {
  const paragraphs = records
    .filter(({ results }) => results.some(({ verdict }) => verdict === 'gate' || verdict === 'missed'))
    .map(
      ({ bar }) =>
        `### ${bar.toUpperCase()}\n\n${notes[bar] ?? 'Nobody has looked where its time goes yet.'}\n`,
    );
  if (paragraphs.length === 0) return '';
  return `## Where the time goes\n\nOf the figures that are below their goal: what a profile says (\`npm run bench -- <bar> --profile\`), and what the limit is.\n\n${paragraphs.join('\n')}\n`;
}

function ratioOf({ ratio, anchor, subject }: ContestResult): string {
  const figure = anchor === null ? `${rounded(ratio)} ${subject.unit}` : rounded(ratio);
  return subject.p99Ms === undefined ? figure : `${figure}, p99 ${rounded(subject.p99Ms)} ms`;
}

function limitOf({ better, p99Ms, ...limits }: ContestResult, which: 'gate' | 'goal'): string {
  const limit = limits[which];
  if (limit === null) return '';
  const figure = `${better === 'lower' ? '≤' : '≥'} ${String(limit)}`;
  return p99Ms === undefined ? figure : `${figure}, p99 ≤ ${String(p99Ms[which])} ms`;
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
