/** Coverage of several rounds of jest as one figure: each writes what it counted, which is added up and judged once. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import coverage, { type CoverageMap, type CoverageSummary, type Totals } from 'istanbul-lib-coverage';
import report from 'istanbul-lib-report';
import reports from 'istanbul-reports';

/** Percentages by kind. The keys are `global`, or folders such as `./kernel/`; `global` leaves the files of the others out. */
export type Thresholds = Readonly<Record<string, Readonly<Partial<Record<Kind, number>>>>>;

/** What units and integrations reach together, with or without real engines, and what these add. */
const usual: Thresholds = {
  global: { lines: 80, branches: 80 },
  './kernel/': { lines: 95, branches: 95 },
};

/** What the arguments of a run ask for, and the others of them. */
export type CoverageArguments = Readonly<{
  wanted: boolean;
  thresholds: (ran: ReadonlySet<string>) => Thresholds;
  others: readonly string[];
}>;

/**
 * `--coverage`, and `--coverageThreshold={…}` as jest takes it. Without that, only tiers that carry the usual thresholds are
 * held to them.
 */
export function coverageArguments(args: readonly string[]): CoverageArguments {
  const isThreshold = (argument: string): boolean => argument.startsWith('--coverageThreshold=');
  const given = args.findLast(isThreshold);
  const own =
    given === undefined ? undefined : (JSON.parse(given.slice(given.indexOf('=') + 1)) as Thresholds);
  return {
    wanted: args.includes('--coverage'),
    thresholds: (ran) => own ?? (ran.has('unit') && ran.has('int') ? usual : {}),
    others: args.filter((argument) => argument !== '--coverage' && !isThreshold(argument)),
  };
}

type Kind = 'lines' | 'branches' | 'functions' | 'statements';

/** Files that the tier of engines alone can try: they count where it ran. */
const ofEngines =
  /^infra\/(topics\/(kafka[^/]*|known-ends|move-topics)|registry\/(confluent|refused-subjects|registry-client|registry-probe))\.ts$/;

/**
 * Adds up what rounds counted, each in a folder with a `coverage-final.json`; one that tried nothing wrote none.
 * @param ran tiers of which tests ran
 */
export function mergeCoverage(
  folders: readonly string[],
  { root, ran }: Readonly<{ root: string; ran: ReadonlySet<string> }>,
): CoverageMap {
  const merged = coverage.createCoverageMap({});
  for (const file of folders.map((folder) => join(folder, 'coverage-final.json'))) {
    if (existsSync(file))
      merged.merge(JSON.parse(readFileSync(file, 'utf8')) as Parameters<CoverageMap['merge']>[0]);
  }
  if (!ran.has('engines')) merged.filter((file) => !ofEngines.test(nameIn(root, file)));
  return merged;
}

/** Each threshold that is missed, as a sentence. One that counts no file at all is missed too. */
export function judge(merged: CoverageMap, thresholds: Thresholds, root: string): readonly string[] {
  const groups = Object.keys(thresholds).filter((name) => name !== 'global');
  const groupOf = (file: string): string => {
    const name = nameIn(root, file);
    return groups.find((group) => `./${name}`.startsWith(group)) ?? 'global';
  };
  return Object.entries(thresholds).flatMap(([group, least]) => {
    const files = merged.files().filter((file) => groupOf(file) === group);
    if (files.length === 0) return [`Coverage of ${group}: no file was counted.`];
    const summary = coverage.createCoverageSummary();
    for (const file of files) summary.merge(merged.fileCoverageFor(file).toSummary());
    return missed(group, least, summary);
  });
}

function missed(group: string, least: Thresholds[string], summary: CoverageSummary): readonly string[] {
  return (Object.entries(least) as [Kind, number][]).flatMap(([kind, percent]) => {
    const { pct }: Totals = summary[kind];
    return pct >= percent
      ? []
      : [`Coverage of ${group}: ${String(pct)} % of ${kind}, and ${String(percent)} % are the least.`];
  });
}

/** Writes the summary to standard output, and files for tools to a folder. */
export function reportCoverage(merged: CoverageMap, folder: string): void {
  const context = report.createContext({ dir: folder, coverageMap: merged });
  for (const name of ['text-summary', 'json-summary', 'lcovonly'] as const)
    reports.create(name).execute(context);
}

function nameIn(root: string, file: string): string {
  return relative(root, file).split(sep).join('/');
}
