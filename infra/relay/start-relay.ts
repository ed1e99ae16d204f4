import type { Platform } from '../platform.ts';
import { setRelayLag } from '../telemetry/metrics.ts';
import { relayLag, type RelayLag } from './relay-lag.ts';
import { runRelay, type RelayHooks } from './relay.ts';

/** A relay that tries again does so within this; what failed before is over. */
const troubleMs = 60_000;

/** How often the lag is measured for metrics. */
const measureEveryMs = 5_000;

export type StartedRelay = Readonly<{
  lag: () => Promise<RelayLag>;
  /** Why it forwards nothing for now and tries again by itself, such as an engine that is away; null where it goes on. */
  trouble: () => string | null;
  /** Finishes the page in hand and resigns. */
  stop: () => Promise<void>;
}>;

/** Runs the relay of a process, and measures how far it is behind. */
export function startRelay(platform: Platform): StartedRelay {
  const { eventStore, codec, database, wakeups, relayOutput, log } = platform;
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, platform.logWatch.lost]);
  let trouble: Readonly<{ message: string; at: number }> | null = null;
  const hooks: RelayHooks = {
    failed: ({ message }, stopped) => {
      trouble = stopped ? null : { message, at: performance.now() };
    },
    forwarded: () => {
      trouble = null;
    },
  };
  // What ends it for good is logged there, and readiness tells that nobody leads.
  const running = runRelay({ eventStore, codec, output: relayOutput, wakeups, log, signal, hooks }).catch(
    () => undefined,
  );
  const lag = (): Promise<RelayLag> => relayLag({ database, eventStore });
  const measuring = setInterval(() => {
    lag().then(setRelayLag, () => undefined);
  }, measureEveryMs);
  return {
    lag,
    trouble: () => (trouble !== null && performance.now() - trouble.at < troubleMs ? trouble.message : null),
    stop: async () => {
      clearInterval(measuring);
      stopping.abort();
      await running;
    },
  };
}
