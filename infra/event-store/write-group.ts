import pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { isReadOnly, openDatabase, translateDatabaseError } from '../database/database.ts';
import { failpoint, underWay } from '../failpoints/failpoint.ts';
import type { AppendRequest } from './append-request.ts';
import { appendStatement, toOutcomes, type AppendRow } from './append-statement.ts';
import { mostGroups, type Outcome } from './group-commit.ts';

/** Writes groups of appends. */
export type GroupWriter = Readonly<{
  /**
   * One statement, one transaction, one outcome an append. Where the server refuses a group for good (something in one
   * append that no check foresaw), the appends are written one by one, so that only the one at fault fails.
   * @throws `unavailable` where nothing is stored, `timeout` where that is unknown
   */
  write(group: readonly AppendRequest[]): Promise<readonly Outcome[]>;
  close(): Promise<void>;
}>;

/**
 * Bounds the wait for another process's writer that hangs with the lock held. The statement then fails as a whole, with
 * nothing stored.
 */
const lockTimeoutMs = 10_000;

/**
 * A writer with a connection of its own: appends never wait for queries, and the planner's settings that `log.append`
 * asks for concern nobody else.
 * @param options.answerLimitMs longest wait for an answer before the connection is given up
 */
export function openGroupWriter(options: { url: string; answerLimitMs: number; log: Log }): GroupWriter {
  const { url, answerLimitMs, log } = options;
  const database = openDatabase({
    url,
    poolSize: mostGroups,
    applicationName: 'daybook log',
    statementTimeoutMs: answerLimitMs,
    settings: {
      enable_seqscan: 'off',
      plan_cache_mode: 'force_generic_plan',
      lock_timeout: String(Math.min(lockTimeoutMs, Math.ceil(answerLimitMs / 2))),
    },
    log,
  });

  async function writeOnce(group: readonly AppendRequest[]): Promise<readonly Outcome[]> {
    const client = await database.pool.connect().catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
    let failure: unknown;
    try {
      await failpoint('append.writing');
      const work = client.query<unknown[]>(appendStatement(group));
      const { rows } = await withinLimit(underWay('append.sent', work), answerLimitMs);
      await failpoint('append.written');
      return toOutcomes(group, rows[0] as unknown as AppendRow | undefined);
    } catch (error) {
      failure = error;
      throw translateAppendError(error);
    } finally {
      // A connection that did not answer in time may still be at work, and one to a server that only reads is of no use.
      client.release(failure !== undefined && (!isRefusal(failure) || isReadOnly(failure)));
    }
  }

  async function write(group: readonly AppendRequest[]): Promise<readonly Outcome[]> {
    try {
      return await writeOnce(group);
    } catch (error) {
      if (group.length === 1 || !(error instanceof DaybookError) || error.retry !== 'never') throw error;
      log.warn('A group of appends was refused and is written one by one.', {
        appends: group.length,
        sqlState: error.fields['sqlState'],
      });
      const outcomes: Outcome[] = [];
      for (const request of group) {
        outcomes.push(
          await writeOnce([request]).then(
            ([outcome]) => outcome as Outcome,
            (reason: unknown) => reason as DaybookError,
          ),
        );
      }
      return outcomes;
    }
  }

  return { write, close: () => database.close() };
}

/** True for an error the server answered with: the transaction is rolled back and the connection goes on. */
function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.severity === 'ERROR';
}

/** A refusal stored nothing. Whatever else happens once the statement was sent may have happened after the commit. */
function translateAppendError(error: unknown): DaybookError {
  if (isRefusal(error) || error instanceof DaybookError) return translateDatabaseError(error);
  return new DaybookError('timeout', 'The connection was lost before the append was answered.', {
    retry: 'later',
    cause: error,
  });
}

async function withinLimit<T>(work: Promise<T>, limitMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new DaybookError('timeout', 'The database did not answer an append in time.', { retry: 'later' }));
  }, limitMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    // Lost the race: its end concerns nobody any more.
    work.catch(() => undefined);
  }
}
