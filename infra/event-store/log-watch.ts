import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { compareLog, logMismatch } from './compare-log.ts';
import { noteFollowedLog } from './followed-log.ts';

/** Sees to it that consumers follow the log that they took in, for as long as a process runs. */
export type LogWatch = Readonly<{
  /** Aborts, for good, once the log is not what its consumers took in: whoever follows it stops. */
  lost: AbortSignal;
  /** @throws `log-mismatch` once it is lost */
  check(): void;
  /** Idempotent. */
  close(): Promise<void>;
}>;

export type LogWatchOptions = Readonly<{
  eventStore: Pick<EventStore, 'at' | 'identity' | 'knownIdentity'>;
  database: Database;
  log: Log;
  /** How often the log is looked at, in milliseconds. Default 10 000. */
  everyMs?: number;
}>;

/**
 * Compares once, and then now and again. Each time that all is well the witness moves up to what was taken in.
 * @throws `log-mismatch` where the log is not what its consumers took in: nothing is to be started on it · `unavailable`
 */
export async function watchLog(options: LogWatchOptions): Promise<LogWatch> {
  const { log, everyMs = 10_000 } = options;
  const lost = new AbortController();
  await look(options);
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look(options)
      .catch((error: unknown) => {
        if (!isDaybookError(error, 'log-mismatch')) {
          log.debug('The log cannot be compared for now.');
          return;
        }
        clearInterval(timer);
        log.error('The log is not what its consumers took in; they stop.', { reason: error.message });
        lost.abort(error);
      })
      .finally(() => {
        looking = undefined;
      });
  }, everyMs);
  timer.unref();
  return {
    lost: lost.signal,
    check: () => {
      if (lost.signal.aborted) throw lost.signal.reason;
    },
    close: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}

async function look({ eventStore, database }: LogWatchOptions): Promise<void> {
  const { identity, followed, consumed, consumedId, mismatch } = await compareLog(eventStore, database);
  if (mismatch !== null) throw logMismatch(mismatch);
  if (followed?.position === consumed) return;
  await noteFollowedLog(database.pool, { ...identity, position: consumed, eventId: consumedId });
}
