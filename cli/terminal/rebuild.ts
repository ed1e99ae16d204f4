/** What a rebuild says of its progress and of its outcome. */
import type { BuildNumber } from '@daybook/infra/runtime/rebuild/builds.ts';
import type { RebuildProgress, RebuildReport } from '@daybook/infra/runtime/rebuild/rebuild.ts';
import type { RowExample } from '@daybook/infra/runtime/rebuild/row-difference.ts';

/** `version 1, build 2`. */
export function named({ version, build }: BuildNumber): string {
  return `version ${String(version)}, build ${String(build)}`;
}

const counted = (count: number, what: string): string =>
  `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;

/** One line of progress. */
export function progressLine({ events, perSecond, fraction, secondsLeft }: RebuildProgress): string {
  const percent = fraction === null ? '' : `, ${(fraction * 100).toFixed(1)} %`;
  const left = secondsLeft === null ? '' : `, ${duration(secondsLeft)} left`;
  return `${counted(events, 'event')} read, ${counted(perSecond, 'event')}/s${percent}${left}`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${String(Math.ceil(seconds))} s`;
  if (seconds < 5_400) return `${String(Math.ceil(seconds / 60))} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}

/** Pauses between lines of progress: on a terminal one line is written over, elsewhere each stays. */
const onTerminalMs = 200;
const elsewhereMs = 5_000;

/** Writes progress, not too often. `end` leaves the last line as it is. */
export function progressLines(
  write: (text: string) => void,
  isTerminal: boolean,
): Readonly<{ show: (progress: RebuildProgress) => void; end: () => void }> {
  let shownAt = -Infinity;
  let open = false;
  return {
    show: (progress) => {
      const now = performance.now();
      if (now - shownAt < (isTerminal ? onTerminalMs : elsewhereMs)) return;
      shownAt = now;
      open = isTerminal;
      write(isTerminal ? `\r\u001b[2K${progressLine(progress)}` : `${progressLine(progress)}\n`);
    },
    end: () => {
      if (open) write('\n');
    },
  };
}

/** The outcome: rows that differ, and what is shown now. */
export function reportLines(name: string, report: RebuildReport): readonly string[] {
  const { from, to, resumed, events, difference, heldBack, switched, dropped } = report;
  const { rows, added, removed, changed, examples, columns, comparable } = difference;
  return [
    `${resumed ? 'Went on with a rebuild that had stopped; r' : 'R'}ead ${counted(events, 'event')}.`,
    `Rows: ${rows.before.toLocaleString('en')} before (${named(from)}), ${rows.after.toLocaleString('en')} now (${named(to)}), as of one moment.`,
    comparable
      ? `${counted(added, 'row')} added, ${counted(removed, 'row')} removed, ${counted(changed, 'row')} changed.`
      : 'The tables have different keys, so that their rows cannot be compared one by one.',
    ...columnsLine('Columns that are gone', columns.onlyBefore),
    ...columnsLine('New columns', columns.onlyAfter),
    ...examples.added.map((example) => `  added    ${exampleText(example)}`),
    ...examples.removed.map((example) => `  removed  ${exampleText(example)}`),
    ...examples.changed.map((example) => `  changed  ${exampleText(example)}`),
    ...(heldBack === 0
      ? []
      : [`${counted(heldBack, 'tenant')} wait behind a parked event, as before: see "daybook parked list".`]),
    switched
      ? `${name} shows the new tables. "daybook rollback ${name}" goes back to those before.`
      : 'A dry run: the new tables are dropped, the others serve on.',
    ...(dropped.length === 0 ? [] : [`Dropped: ${dropped.map(named).join('; ')}.`]),
  ];
}

function columnsLine(what: string, columns: readonly string[]): readonly string[] {
  return columns.length === 0 ? [] : [`${what}: ${columns.join(', ')}.`];
}

const mostShown = 60;

function exampleText({ tenantId, key, changes }: RowExample): string {
  const own = Object.entries(key).map(([column, value]) => `${column} ${short(value)}`);
  const changed = Object.entries(changes).map(
    ([column, [before, after]]) => `${column} ${short(before)} → ${short(after)}`,
  );
  return [`tenant ${tenantId}`, ...own].join(', ') + (changed.length === 0 ? '' : `: ${changed.join(', ')}`);
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > mostShown ? `${text.slice(0, mostShown)}…` : text;
}
