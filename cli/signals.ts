/** How the process ends: the first SIGINT, SIGTERM or SIGHUP (the terminal closed) asks, a second one insists. */
import { exitCodes, type ExitCode } from './sentences.ts';

export type StopSignals = Readonly<{
  /** Aborted by the first signal. */
  signal: AbortSignal;
  /** Resolves at the first signal. */
  stopped: Promise<void>;
  /** Stops listening. */
  release: () => void;
}>;

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Who is asked to stop in this process, and does so in its own order. */
const asked = new Set<(name: NodeJS.Signals) => void>();

/** What has to be done before this process ends where nobody is asked. */
const endings = new Set<() => Promise<unknown>>();

let endingWith: ExitCode | undefined;

/** Listens for signals until released. At the second one the process ends at once, with code 130. */
export function stopSignals(onFirst: (name: NodeJS.Signals) => void = () => undefined): StopSignals {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const ask = (name: NodeJS.Signals): void => {
    controller.abort();
    onFirst(name);
    resolve(undefined);
  };
  const listen = (name: NodeJS.Signals): void => {
    // The process is about to end without unwinding; what matters is on disk at any moment.
    if (controller.signal.aborted) process.exit(exitCodes.forced);
    ask(name);
  };
  for (const name of names) process.on(name, listen);
  asked.add(ask);
  // Waiting for a signal does not keep a process alive by itself.
  const alive = setInterval(() => undefined, 2 ** 30);
  return {
    signal: controller.signal,
    stopped: promise,
    release: () => {
      clearInterval(alive);
      asked.delete(ask);
      for (const name of names) process.off(name, listen);
    },
  };
}

/**
 * Has `cleanUp` done where a signal ends the process in the middle of a command, until released: the process ends behind
 * it with code 130, or at once at a second signal. Who listens with `stopSignals` stops in its own order instead.
 */
export function beforeEnd(cleanUp: () => Promise<unknown>): Readonly<{ release: () => void }> {
  const listen = (): void => {
    if (asked.size === 0) end(exitCodes.forced);
  };
  for (const name of names) process.on(name, listen);
  endings.add(cleanUp);
  return {
    release: () => {
      endings.delete(cleanUp);
      for (const name of names) process.off(name, listen);
    },
  };
}

/** The exit code of a process that is ending before its command has: what fails in that is its consequence. */
export function ending(): ExitCode | undefined {
  return endingWith;
}

/**
 * Where whoever reads the output leaves (`daybook log | head`), there is nothing left to do: stops as at a signal, says
 * nothing of it, and ends with code 141, as shells count SIGPIPE.
 */
export function stopAtClosedOutput(output: NodeJS.WriteStream): void {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (endingWith !== undefined) return;
    if (asked.size === 0) {
      end(exitCodes.unread);
      return;
    }
    endingWith = exitCodes.unread;
    for (const ask of asked) ask('SIGPIPE');
  });
}

function end(code: ExitCode): void {
  if (endingWith !== undefined) process.exit(code);
  endingWith = code;
  void Promise.allSettled([...endings].map((cleanUp) => cleanUp())).then(() => process.exit(code));
}
