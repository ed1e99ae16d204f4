/** How the process ends: the first SIGINT, SIGTERM or SIGHUP (the terminal closed) asks, a second one insists. */
import { exitCodes } from './sentences.ts';

export type StopSignals = Readonly<{
  /** Aborted by the first signal. */
  signal: AbortSignal;
  /** Resolves at the first signal. */
  stopped: Promise<void>;
  /** Stops listening. */
  release: () => void;
}>;

/** Listens for signals until released. At the second one the process ends at once, with code 130. */
export function stopSignals(onFirst: (name: NodeJS.Signals) => void = () => undefined): StopSignals {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const listen = (name: NodeJS.Signals): void => {
    // The process is about to end without unwinding; what matters is on disk at any moment.
    if (controller.signal.aborted) process.exit(exitCodes.forced);
    controller.abort();
    onFirst(name);
    resolve(undefined);
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, listen);
  // Waiting for a signal does not keep a process alive by itself.
  const alive = setInterval(() => undefined, 2 ** 30);
  return {
    signal: controller.signal,
    stopped: promise,
    release: () => {
      clearInterval(alive);
      for (const name of names) process.off(name, listen);
    },
  };
}
