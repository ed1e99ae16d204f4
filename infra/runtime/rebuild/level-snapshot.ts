import type pg from 'pg';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { openDatabase, translateDatabaseError } from '../../database/database.ts';
import { lockCheckpoints, readCheckpoints, type Consumer } from '../checkpoints.ts';
import { isAsFar, targetOf } from './fold-target.ts';
import { foldRest, type SwitchOptions } from './switch-read-model.ts';

export type LevelSnapshotOptions = Omit<SwitchOptions, 'from' | 'wakeups'> &
  Readonly<{
    /** Whose tables the build's are looked at beside. */
    shown: Consumer;
    log: Log;
  }>;

/** Longest wait for those who write to the tables that serve. */
const lockWaitMs = 2_000;

/**
 * Looks at the tables of a build and those that serve as of one moment in which both have the same events: projectors wait
 * while what is missing is taken in and the look begins, and go on while it lasts. Answers with undefined, and no look,
 * where too much was missing.
 * @param look gets a transaction that reads only, without a limit of time
 * @throws `unavailable` · what `look` throws
 */
export async function atLevel<T>(
  options: LevelSnapshotOptions,
  look: (client: pg.PoolClient) => Promise<T>,
): Promise<T | undefined> {
  const { database, log, signal } = options;
  const unlimited = openDatabase({
    url: database.url,
    poolSize: 1,
    statementTimeoutMs: 0,
    applicationName: 'daybook rebuild',
    log,
  });
  try {
    const client = await unlimited.pool.connect().catch(rethrown);
    const cancel = (): void => {
      void stopStatement(options, client);
    };
    signal.addEventListener('abort', cancel);
    try {
      if (!(await beginAtLevel(options, client))) return undefined;
      return await look(client);
    } finally {
      signal.removeEventListener('abort', cancel);
      // Closing the connection ends its transaction.
      client.release(true);
    }
  } finally {
    await unlimited.close();
  }
}

async function beginAtLevel(options: LevelSnapshotOptions, client: pg.PoolClient): Promise<boolean> {
  const { database, build, shown } = options;
  return database.transaction(async (locking) => {
    await locking.query(`set local lock_timeout = ${String(lockWaitMs)}`);
    const serving = await lockCheckpoints(locking, shown);
    const before = {
      version: build.consumer.version,
      checkpoints: await readCheckpoints(locking, build.consumer),
    };
    const target = targetOf(before, [{ version: shown.version, checkpoints: serving }]);
    // In a transaction of its own: the snapshot is to see it.
    if (!(await database.transaction((folding) => foldRest(folding, options, target)))) return false;
    const own = await readCheckpoints(database.pool, build.consumer);
    if (!isAsFar(own, serving) || !isAsFar(serving, own)) return false;
    await client.query('set idle_in_transaction_session_timeout = 0').catch(rethrown);
    await client.query('begin isolation level repeatable read read only').catch(rethrown);
    // The snapshot is taken by the first statement.
    await client.query('select 1').catch(rethrown);
    return true;
  });
}

async function stopStatement({ database }: LevelSnapshotOptions, client: pg.PoolClient): Promise<void> {
  const { processID } = client as unknown as { processID: number };
  await database.pool.query('select pg_cancel_backend($1)', [processID]).catch(() => undefined);
}

function rethrown(error: unknown): never {
  throw translateDatabaseError(error);
}
