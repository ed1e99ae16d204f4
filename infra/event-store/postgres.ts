import type pg from 'pg';
import { beginning, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore, Pages, ReadOptions } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { observeAppendBatch } from '../telemetry/metrics.ts';
import { appendRequest } from './append-request.ts';
import { eventColumns, textTypes, toEvents, type EventRow } from './event-row.ts';
import { makeGroupCommit, type GroupCommitLimits } from './group-commit.ts';
import { pagesAhead } from './pages-ahead.ts';
import { logIdentity } from './log-epoch.ts';
import { fromPosition, toPosition } from './position.ts';
import { readTogether } from './read-together.ts';
import { tail, type PollLimits } from './tail.ts';
import { openGroupWriter } from './write-group.ts';

export type PostgresEventStoreOptions = Readonly<{
  database: Database;
  wakeups: Wakeups;
  log: Log;
  limits?: Partial<GroupCommitLimits>;
  /** Longest wait for a group's answer before its connection is given up. Default 30 000, the longest statement. */
  answerLimitMs?: number;
  /** Pauses of a subscription that waits. Default 20 to 500: two statements a second where nothing happens. */
  poll?: PollLimits;
}>;

const defaultLimits: GroupCommitLimits = {
  maxOutstanding: 20_000,
  maxOutstandingSize: 64 * 1024 * 1024,
  maxAppends: 512,
  maxSize: 320 * 1024,
};

const defaultPageSize = 500;

/**
 * The log in PostgreSQL. Concurrent appends of one store are written in groups, one call of `log.append` a group, each
 * append with an outcome of its own. Positions increase in commit order, so that readers need nothing but a position.
 */
export function postgresEventStore(options: PostgresEventStoreOptions): EventStore {
  const {
    database,
    wakeups,
    log,
    answerLimitMs = 30_000,
    poll = { shortestMs: 20, longestMs: 500 },
  } = options;
  const closing = new AbortController();
  const writer = openGroupWriter({
    url: database.url,
    answerLimitMs,
    log,
  });
  const groups = makeGroupCommit(
    async (group) => {
      const outcomes = await writer.write(group);
      observeAppendBatch(group.reduce((sum, { events: { length } }) => sum + length, 0));
      // After commit, since a notification inside the transaction takes a global lock of its own at commit.
      if (outcomes.some((outcome) => !(outcome instanceof Error))) wakeups.notify('log');
      return outcomes;
    },
    { ...defaultLimits, ...options.limits },
  );

  const events = async (name: string, text: string, values: unknown[]): Promise<RecordedEvent[]> =>
    toEvents(await query(database.pool, name, text, values));

  const readStream = readTogether((name, text, values) => query(database.pool, name, text, values));

  const readAll = ({
    after = beginning,
    limit = Infinity,
    pageSize = defaultPageSize,
  }: { after?: Position; limit?: number; pageSize?: number } = {}): Pages =>
    pagesAhead({
      from: fromPosition(after),
      limit,
      pageSize,
      fetch: (position, size) => events('log.read-all', readAllText, [position, size]),
      next: (event) => fromPosition(event.position),
    });

  return {
    append: async (stream, expected, newEvents) => groups.append(appendRequest(stream, expected, newEvents)),
    read: (stream, { from, direction = 'forwards', limit = Infinity }: ReadOptions = {}) =>
      pagesAhead({
        from: from ?? (direction === 'forwards' ? 0 : maxRevision),
        limit,
        pageSize: defaultPageSize,
        fetch: (revision, size) =>
          direction === 'forwards'
            ? readStream({ stream, from: revision, size })
            : events('log.read-backwards', readBackwardsText, [stream, revision, size]),
        next: (event) => event.revision + (direction === 'forwards' ? 1 : -1),
      }),
    find: (stream, ids) => events('log.find', findText, [stream, ids]),
    readAll,
    subscribeAll: ({ after, pageSize, signal }) =>
      tail({
        readAll: (position) => readAll({ after: position, ...(pageSize === undefined ? {} : { pageSize }) }),
        wakeups,
        after,
        signal: AbortSignal.any([signal, closing.signal]),
        poll,
      }),
    head: async () => {
      const rows = await query<readonly [string]>(database.pool, 'log.head', headText, []);
      return toPosition(rows[0]?.[0] ?? 0);
    },
    at: async (position) => {
      const [event] = await events('log.at', atText, [fromPosition(position)]);
      return event;
    },
    identity: () => logIdentity(database.pool),
    knownIdentity: () => logIdentity(database.pool),
    close: async () => {
      closing.abort();
      await groups.close();
      await writer.close();
    },
  };
}

/** Largest of PostgreSQL's `integer`. */
const maxRevision = 2_147_483_647;

const readAllText = `select ${eventColumns} from log.events where position > $1 order by position limit $2`;
const readBackwardsText = `select ${eventColumns} from log.events where stream = $1 and revision <= $2 order by revision desc limit $3`;
const atText = `select ${eventColumns} from log.events where position = $1`;
const findText = `select ${eventColumns} from log.events where id = any ($2::uuid[]) and stream = $1 order by revision`;
const headText = 'select coalesce(max(position), 0) from log.events';

async function query<R extends readonly unknown[] = EventRow>(
  pool: pg.Pool,
  name: string,
  text: string,
  values: unknown[],
): Promise<R[]> {
  try {
    const { rows } = await pool.query<unknown[]>({ name, text, values, rowMode: 'array', types: textTypes });
    return rows as unknown as R[];
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
