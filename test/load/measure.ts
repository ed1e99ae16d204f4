/**
 * The arithmetic of benches. Machines are shared and noisy: every figure is a ratio taken inside one run, subject and
 * anchor in turn (A-B-A-B …), medians compared.
 */

/** What one run of a runner came to. */
export type Sample = Readonly<{
  /** In the runner's unit: events a second, milliseconds … */
  figure: number;
  /** One entry an operation, where the bar limits latency. */
  latenciesMs?: readonly number[];
}>;

/** Something that can be measured again and again; each run starts from the state that the last one left. */
export type Runner = Readonly<{
  /** In a few words, for the report: `append, 128 callers`. */
  name: string;
  unit: string;
  run: () => Promise<Sample>;
}>;

/** A subject held against an anchor, or, without one, against an absolute limit; or only reported. */
export type Contest = Readonly<{
  subject: Runner;
  /** Absent: `gate` and `goal` are limits of the subject's figure itself. */
  anchor?: Runner;
  /** Given together with `goal`. Absent: the figure is reported, and held against nothing. */
  gate?: number;
  goal?: number;
  /** Which way the ratio is good. Default `higher`. */
  better?: 'higher' | 'lower';
  /** Limits of the subject's 99th percentile: the median over the pairs counts. */
  p99Ms?: Readonly<{ gate: number; goal: number }>;
}>;

export type Verdict = 'goal' | 'gate' | 'missed' | 'reported';

export type ContestResult = Readonly<{
  subject: Readonly<{ name: string; unit: string; median: number; all: readonly number[]; p99Ms?: number }>;
  anchor: Readonly<{ name: string; unit: string; median: number; all: readonly number[] }> | null;
  /** Median of the subject over that of the anchor; the subject's median where there is no anchor. */
  ratio: number;
  /** Null, like the goal, where the figure is only reported. */
  gate: number | null;
  goal: number | null;
  better: 'higher' | 'lower';
  p99Ms?: Readonly<{ gate: number; goal: number }>;
  verdict: Verdict;
  pairs: number;
}>;

/**
 * Runs a contest: one unrecorded pair to warm up, then `pairs` recorded ones.
 * @param report is told of every run.
 */
export async function alternate(
  contest: Contest,
  pairs: number,
  report: (line: string) => void = () => undefined,
): Promise<ContestResult> {
  const subject: Sample[] = [];
  const anchor: Sample[] = [];
  for (let pair = 0; pair <= pairs; pair += 1) {
    const label = pair === 0 ? 'warm-up' : `pair ${String(pair)}`;
    subject.push(await measured(contest.subject, label, report));
    if (contest.anchor !== undefined) anchor.push(await measured(contest.anchor, label, report));
  }
  return judge(contest, subject.slice(1), anchor.slice(1));
}

async function measured(runner: Runner, label: string, report: (line: string) => void): Promise<Sample> {
  const sample = await runner.run();
  const p99 =
    sample.latenciesMs === undefined ? '' : `, p99 ${percentile(sample.latenciesMs, 99).toFixed(1)} ms`;
  report(`  ${label.padEnd(8)} ${runner.name.padEnd(52)} ${rounded(sample.figure)} ${runner.unit}${p99}`);
  return sample;
}

/** Compares what was measured with the limits. */
export function judge(
  contest: Contest,
  subject: readonly Sample[],
  anchor: readonly Sample[],
): ContestResult {
  const own = subject.map(({ figure }) => figure);
  const others = anchor.map(({ figure }) => figure);
  const ratio = contest.anchor === undefined ? median(own) : median(own) / median(others);
  const p99Ms =
    contest.p99Ms === undefined
      ? undefined
      : median(subject.map(({ latenciesMs = [] }) => percentile(latenciesMs, 99)));
  const meets = (limit: 'gate' | 'goal', value: number): boolean =>
    (contest.better === 'lower' ? ratio <= value : ratio >= value) &&
    (contest.p99Ms === undefined || (p99Ms ?? Infinity) <= contest.p99Ms[limit]);
  const verdict = (): Verdict => {
    const { gate, goal } = contest;
    if (gate === undefined || goal === undefined) return 'reported';
    if (meets('goal', goal)) return 'goal';
    return meets('gate', gate) ? 'gate' : 'missed';
  };
  return {
    subject: {
      name: contest.subject.name,
      unit: contest.subject.unit,
      median: median(own),
      all: own,
      ...(p99Ms === undefined ? {} : { p99Ms }),
    },
    anchor:
      contest.anchor === undefined
        ? null
        : { name: contest.anchor.name, unit: contest.anchor.unit, median: median(others), all: others },
    ratio,
    gate: contest.gate ?? null,
    goal: contest.goal ?? null,
    better: contest.better ?? 'higher',
    ...(contest.p99Ms === undefined ? {} : { p99Ms: contest.p99Ms }),
    verdict: verdict(),
    pairs: subject.length,
  };
}

/** The middle value; the mean of the two middle ones for an even number. NaN for none. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Linear interpolation between the closest ranks, as NumPy's default has it. NaN for no values. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) return NaN;
  const sorted = Float64Array.from(values).sort();
  const rank = (percent / 100) * (sorted.length - 1);
  const below = sorted[Math.floor(rank)] ?? NaN;
  const above = sorted[Math.ceil(rank)] ?? NaN;
  return below + (above - below) * (rank - Math.floor(rank));
}

/** Three significant digits or whole numbers, for people. */
export function rounded(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}

/**
 * Times work on so many items, in items a second.
 * @param work answers with how many it saw
 * @throws Error where that is another number: something was lost or doubled
 */
export async function timed(items: number, work: () => Promise<number>): Promise<Sample> {
  const start = performance.now();
  const seen = await work();
  const seconds = (performance.now() - start) / 1_000;
  if (seen !== items) throw new Error(`${String(seen)} of ${String(items)} were seen.`);
  return { figure: items / seconds };
}

/**
 * Runs `work` by a number of concurrent callers for a time, each call timed.
 * @param work is given the number of the call; it settles before its caller makes the next.
 */
export async function concurrently(
  callers: number,
  durationMs: number,
  work: (call: number) => Promise<unknown>,
): Promise<{ calls: number; perSecond: number; latenciesMs: number[] }> {
  const latenciesMs: number[] = [];
  const start = performance.now();
  let calls = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - start < durationMs) {
      const before = performance.now();
      await work(calls++);
      latenciesMs.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - start) / 1000;
  return { calls, perSecond: calls / seconds, latenciesMs };
}
