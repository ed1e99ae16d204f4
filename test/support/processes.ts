/** Daybook's processes as a person would start them, and what they say. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const ownRoot = resolve(import.meta.dirname, '../..');

/** A process of the `daybook` command. */
export type DaybookProcess = Readonly<{
  pid: number;
  /** Everything it wrote so far. */
  output: () => string;
  /** Lines of standard output that are JSON, such as those of its log. */
  logLines: () => readonly LogLine[];
  /** The first log line with this message. @throws when the process ends before */
  said: (message: string) => Promise<LogLine>;
  /** The first line of output that matches. @throws when the process ends before */
  printed: (pattern: RegExp) => Promise<RegExpExecArray>;
  signal: (name: NodeJS.Signals) => void;
  /** Resolves with the exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>;
}>;

export type LogLine = Readonly<{ level?: string; message?: string; [field: string]: unknown }>;

const started = new Set<ChildProcess>();

// A test run that dies leaves nothing running.
process.once('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

/** As the scripts of package.json and the command itself start Node. */
const nodeOptions = ['--max-semi-space-size=16'];

/** Hundreds of starts in a run: compiled once, each takes half the time. */
const compileCache = join(ownRoot, 'node_modules/.cache/node');

/** Starts `node cli/daybook.ts <args>` with only these variables beside PATH and HOME. */
export function startDaybook(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  root = ownRoot,
): DaybookProcess {
  return startScript(join(root, 'cli/daybook.ts'), args, env, root);
}

/** Runs a command to its end; answers with its exit code, or the signal that ended it, and what it said. */
export async function runDaybook(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Readonly<{ code: number | string; says: string }>> {
  const command = startDaybook(args, env);
  const code = await command.ended;
  return { code, says: command.output() };
}

/** Starts any script in the same way. */
export function startScript(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  root = ownRoot,
): DaybookProcess {
  const child = spawn(process.execPath, [...nodeOptions, script, ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_COMPILE_CACHE: compileCache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.add(child);
  let text = '';
  const listeners = new Set<() => void>();
  let over = false;
  let wasReady = false;
  let told = false;
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      tell();
    });
  }
  const ended = new Promise<number | NodeJS.Signals>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => {
      over = true;
      started.delete(child);
      tell();
      if (wasReady && !told && code !== null && code !== 0) {
        process.stderr.write(
          `daybook ${args.join(' ')} ended by itself with ${String(code)}:\n${text.slice(-8_000)}\n`,
        );
      }
      done(code ?? signal ?? 1);
    });
  });
  const until = <T>(what: string, find: () => T | undefined): Promise<T> =>
    new Promise((done, fail) => {
      const look = (): void => {
        const found = find();
        wasReady ||= found !== undefined;
        if (found === undefined && !over) return;
        listeners.delete(look);
        if (found !== undefined) done(found);
        else fail(new Error(`daybook ${args.join(' ')} ended before ${what}:\n${text}`));
      };
      listeners.add(look);
      look();
    });
  const logLines = (): readonly LogLine[] => jsonLines(text);
  return {
    pid: child.pid ?? 0,
    output: () => stripVTControlCharacters(text),
    logLines,
    said: (message) =>
      until(`it said "${message}"`, () => logLines().find((line) => line.message === message)),
    printed: (pattern) =>
      until(`it printed ${String(pattern)}`, () => pattern.exec(stripVTControlCharacters(text)) ?? undefined),
    signal: (name) => {
      told = true;
      child.kill(name);
    },
    ended,
  };
}

function jsonLines(text: string): readonly LogLine[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      return [JSON.parse(line) as LogLine];
    } catch {
      return [];
    }
  });
}
