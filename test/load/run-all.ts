import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { rounded } from './measure.ts';

/** The names of the bars, in numeric order. */
export function barNames(): readonly string[] {
  return readdirSync(import.meta.dirname)
    .flatMap((file) => /^(p\d+)\.ts$/.exec(file)?.[1] ?? [])
    .sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
}

type Outcome = Readonly<{ bar: string; met: boolean; line: string }>;

/**
 * Runs every bar in a process of its own, one after the other, and prints a table. True where each meets its gate: one
 * that fails does not keep the others from running.
 */
export async function runAll(options: readonly string[], print: (line: string) => void): Promise<boolean> {
  const outcomes: Outcome[] = [];
  for (const bar of barNames()) outcomes.push(await runInChild(bar, options, print));
  print('');
  for (const { line } of outcomes) print(line);
  const missed = outcomes.filter(({ met }) => !met).map(({ bar }) => bar);
  print(
    missed.length === 0
      ? 'Every bar that was run meets its gate.'
      : `BELOW GATE OR FAILED: ${missed.join(', ')}`,
  );
  return missed.length === 0;
}

async function runInChild(
  bar: string,
  options: readonly string[],
  print: (line: string) => void,
): Promise<Outcome> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bench.ts'), bar, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = '';
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      last = line;
      if (!line.startsWith('{')) print(line);
    }
  });
  const code = await new Promise<number | null>((ended) => child.on('close', ended));
  // This machine lacks what it needs, and it said what.
  if (code === 2) return { bar, met: true, line: last };
  if (!last.startsWith('{')) return { bar, met: false, line: `${bar.padEnd(4)} failed (${String(code)})` };
  const { ratio, gate, goal } = JSON.parse(last) as {
    ratio: number;
    gate: number | null;
    goal: number | null;
  };
  const limits = gate === null ? 'reported' : `gate ${String(gate)}, goal ${String(goal)}`;
  const met = code === 0;
  return {
    bar,
    met,
    line: `${bar.padEnd(4)} ${rounded(ratio).padStart(7)} (${limits})${met ? '' : ' MISSED'}`,
  };
}
