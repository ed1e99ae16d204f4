import type { Platform } from '../platform.ts';
import { setRelayLag } from '../telemetry/metrics.ts';
import { relayLag, type RelayLag } from './relay-lag.ts';
import { runRelay } from './relay.ts';

/** How often the lag is measured for metrics. */
const measureEveryMs = 5_000;

export type StartedRelay = Readonly<{
  lag: () => Promise<RelayLag>;
  /** Finishes the page in hand and resigns. */
  stop: () => Promise<void>;
}>;

/** Runs the relay of a process, and measures how far it is behind. */
export function startRelay(platform: Platform): StartedRelay {
  const { eventStore, codec, database, wakeups, relayOutput, log } = platform;
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, platform.logWatch.lost]);
  // What ends it for good is logged there, and readiness tells that nobody leads.
  const running = runRelay({ eventStore, codec, output: relayOutput, wakeups, log, signal }).catch(
    () => undefined,
  );
  const lag = (): Promise<RelayLag> => relayLag({ database, eventStore });
  const measuring = setInterval(() => {
    lag().then(setRelayLag, () => undefined);
  }, measureEveryMs);
  return {
    lag,
    stop: async () => {
      clearInterval(measuring);
      stopping.abort();
      await running;
    },
  };
}
