/** An engine as a process of its own, with its data in a temporary folder, that never outlives who started it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/ports.ts';

/** A running engine. Every call is of a process on this machine; the URL stays the same over restarts. */
export type Engine = Readonly<{
  url: string;
  /** Where its data is. */
  folder: string;
  /** Stops it in order where it obeys, and removes its data. Idempotent. */
  stop(): Promise<void>;
  /** Ends it at once, as a crash does; its data stays. */
  kill(): Promise<void>;
  /** Ends it in order; its data stays. */
  halt(): Promise<void>;
  /** Stops it where it stands (SIGSTOP), until `resume`. */
  pause(): void;
  resume(): void;
  /** Starts it again on the same ports and the same data; ends what still runs. */
  restart(): Promise<void>;
}>;

/** What a whole run shares of an engine: nobody kills it. */
export type SharedEngine = Pick<Engine, 'url' | 'stop'>;

/** How an engine is started. */
export type EngineKind = Readonly<{
  name: string;
  /** How many ports it listens on. */
  ports: number;
  /** Writes what it needs into its folder, once. */
  prepare(folder: string, ports: readonly number[]): Promise<void>;
  command(folder: string, ports: readonly number[]): readonly string[];
  url(ports: readonly number[]): string;
  /** Resolves where it answers; throws where it does not yet. */
  answers(url: string): Promise<void>;
}>;

type Running = Readonly<{ keeper: ChildProcess; pid: number; ended: Promise<void>; over: () => boolean }>;

/** An engine that does not answer within this, in milliseconds, does not start. */
const startTimeoutMs = 150_000;
const lookEveryMs = 100;
const stopTimeoutMs = 10_000;

/** Another process may take a free port before the engine does: so many choices of ports. */
const mostStarts = 3;

/**
 * Starts an engine and waits until it answers.
 * @throws with the tail of its log where it does not
 */
export async function startEngine(kind: EngineKind): Promise<Engine> {
  for (let start = 1; ; start += 1) {
    const folder = await mkdtemp(join(tmpdir(), `daybook-${kind.name}-`));
    try {
      const ports = await Promise.all(Array.from({ length: kind.ports }, freePort));
      await kind.prepare(folder, ports);
      return engineOf(kind, folder, ports, await runEngine(kind, folder, ports));
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      const taken = error instanceof Error && /address already in use/i.test(error.message);
      if (!taken || start === mostStarts) throw error;
    }
  }
}

function engineOf(kind: EngineKind, folder: string, ports: readonly number[], first: Running): Engine {
  let running = first;
  const kill = async (): Promise<void> => {
    signal(running, 'SIGKILL');
    await running.ended;
  };
  const halt = async (): Promise<void> => {
    signal(running, 'SIGCONT');
    signal(running, 'SIGTERM');
    const late = setTimeout(() => {
      signal(running, 'SIGKILL');
    }, stopTimeoutMs);
    await running.ended;
    clearTimeout(late);
  };
  return {
    url: kind.url(ports),
    folder,
    stop: async () => {
      await halt();
      await rm(folder, { recursive: true, force: true });
    },
    kill,
    halt,
    pause: () => {
      signal(running, 'SIGSTOP');
    },
    resume: () => {
      signal(running, 'SIGCONT');
    },
    restart: async () => {
      await kill();
      running = await runEngine(kind, folder, ports);
    },
  };
}

async function runEngine(kind: EngineKind, folder: string, ports: readonly number[]): Promise<Running> {
  const running = await keep(folder, kind.command(folder, ports));
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    try {
      await kind.answers(kind.url(ports));
      return running;
    } catch (cause) {
      const ended = running.over();
      if (ended || performance.now() > deadline) {
        signal(running, 'SIGKILL');
        await running.ended;
        const text = await readFile(join(folder, 'engine.log'), 'utf8').catch(() => '');
        const how = ended ? 'ended by itself' : `did not answer in ${String(startTimeoutMs / 1000)} s`;
        throw new Error(`The engine ${kind.name} ${how}:\n${text.slice(-4_000)}`, { cause });
      }
      await new Promise((wake) => setTimeout(wake, lookEveryMs));
    }
  }
}

async function keep(folder: string, command: readonly string[]): Promise<Running> {
  const keeper = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts'), folder, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let over = false;
  const ended = new Promise<void>((done) => {
    keeper.once('close', () => {
      over = true;
      done();
    });
  });
  const pid = await new Promise<number>((done, fail) => {
    keeper.once('error', fail);
    keeper.once('close', () => {
      fail(new Error(`${command[0] ?? ''} could not be started.`));
    });
    keeper.stdout.once('data', (said: Buffer) => {
      done(Number(said.toString()));
    });
  });
  keeper.unref();
  return { keeper, pid, ended, over: () => over };
}

function signal({ pid, over }: Running, name: NodeJS.Signals): void {
  if (over() || pid === 0) return;
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself.
  }
}
