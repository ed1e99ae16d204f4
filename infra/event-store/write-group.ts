import pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import type { AppendRequest } from './append-request.ts';
import { appendStatement, toOutcome, type OutcomeRow } from './append-statement.ts';
import type { Outcome } from './group-commit.ts';

/**
 * Writes groups: one statement, one transaction. Where the server refuses a group for good (something in one append
 * that no check foresaw), the appends are written one by one, so that only the one at fault fails.
 * @throws `unavailable` where nothing is stored, `timeout` where that is unknown
 */
export function makeGroupWriter(options: {
  database: Database;
  log: Log;
  answerLimitMs: number;
}): (group: readonly AppendRequest[]) => Promise<readonly Outcome[]> {
  const { database, log, answerLimitMs } = options;

  async function write(group: readonly AppendRequest[]): Promise<readonly Outcome[]> {
    const client = await database.pool.connect().catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
    let failure: unknown;
    // Without a listener a connection that dies between two statements ends the process.
    const ignore = (): void => undefined;
    client.on('error', ignore);
    try {
      const { rows } = await withinLimit(client.query<unknown[]>(appendStatement(group)), answerLimitMs);
      return group.map((request, index) =>
        toOutcome(request, rows[index] as unknown as OutcomeRow | undefined),
      );
    } catch (error) {
      failure = error;
      throw translateAppendError(error);
    } finally {
      client.off('error', ignore);
      // A connection that did not answer in time may still be at work: it is closed, not reused.
      client.release(failure !== undefined && !isRefusal(failure));
    }
  }

  return async (group) => {
    try {
      return await write(group);
    } catch (error) {
      if (group.length === 1 || !(error instanceof DaybookError) || error.retry !== 'never') throw error;
      log.warn('A group of appends was refused and is written one by one.', {
        appends: group.length,
        sqlState: error.fields['sqlState'],
      });
      const outcomes: Outcome[] = [];
      for (const request of group) {
        outcomes.push(
          await write([request]).then(
            ([outcome]) => outcome as Outcome,
            (reason: unknown) => reason as DaybookError,
          ),
        );
      }
      return outcomes;
    }
  };
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
