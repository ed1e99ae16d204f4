import knexFactory, { type Knex } from 'knex';
import pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { connectionFailure, expectUsable, LeavingClient } from './connection.ts';

/** A PostgreSQL database: plain `pg` for hot paths, knex for ordinary queries. Both share nothing but the URL. */
export type Database = Readonly<{
  url: string;
  pool: pg.Pool;
  /** Has a small pool of its own, opened at first use. */
  knex: Knex;
  /**
   * Runs `work` between `begin` and `commit`, or `rollback` where it throws. What fails on the way to PostgreSQL or in it
   * is translated; what the caller's own code throws comes out as it is.
   * @throws what `translateDatabaseError` makes of it · what `work` throws
   */
  transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>;
  /** Idempotent. */
  close(): Promise<void>;
}>;

export type DatabaseOptions = Readonly<{
  url: string;
  /** Connections of the `pg` pool. Default 10. */
  poolSize?: number;
  /** Role the connections run as, such as one that row-level security binds. */
  role?: string;
  /** Shown in `pg_stat_activity`. */
  applicationName?: string;
  /**
   * Longest statement in milliseconds; 0 for none. Default 30 000. The server ends it; where that does not answer either
   * (it hangs, the network swallows everything), this side gives the connection up some seconds later.
   */
  statementTimeoutMs?: number;
  /** Connections of the pool send statements without waiting for the answers of those before. Default false. */
  pipeline?: boolean;
  /** Server settings of the connections beside ours, such as `{ enable_seqscan: 'off' }`. */
  settings?: Readonly<Record<string, string>>;
  log: Log;
}>;

const { builtins, getTypeParser } = pg.types;

/** `int8` as a number (every one of ours is a safe integer), instants as ISO 8601 text. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (id, format) => {
    if (format !== 'binary' && id === builtins.INT8) return Number;
    if (format !== 'binary' && id === builtins.TIMESTAMPTZ) return instant;
    return getTypeParser(id, format) as (value: string) => unknown;
  },
};

/** PostgreSQL's `2026-01-01 00:00:00.123456+00` as `2026-01-01T00:00:00.123Z`. Sessions run in UTC. */
export function instant(text: string): string {
  const fraction = text.length > 22 ? text.slice(20, -3).padEnd(3, '0').slice(0, 3) : '000';
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction}Z`;
}

/**
 * A silent connection is asked for a sign of life after half a minute: the kernel by itself asks after two hours, when a
 * firewall between has long forgotten the connection.
 */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 30_000 };

/** How long after a statement's time is over the server's word of it may take. */
const answerMarginMs = 2_000;

/**
 * What a URL says of settings and of the name, apart from it: the driver would let it win over ours, role and time zone
 * among them. Every mode that demands TLS is `verify-full`, as the driver takes them until it takes them for less.
 */
export function withoutSettings(url: string): Readonly<{ url: string; settings: readonly string[] }> {
  if (!URL.canParse(url)) return { url, settings: [] };
  const parsed = new URL(url);
  const settings = parsed.searchParams.getAll('options').slice(-1);
  for (const name of ['options', 'application_name', 'fallback_application_name'])
    parsed.searchParams.delete(name);
  const demanded = /^(prefer|require|verify-ca)$/.test(parsed.searchParams.get('sslmode') ?? '');
  if (demanded && !parsed.searchParams.has('uselibpqcompat'))
    parsed.searchParams.set('sslmode', 'verify-full');
  return { url: parsed.href, settings };
}

/** Opens a database. Connects at first use. @throws `configuration-invalid` for a URL that can never work */
export function openDatabase(options: DatabaseOptions): Database {
  const { statementTimeoutMs = 30_000 } = options;
  expectUsable(options.url);
  const { url, settings: ofUrl } = withoutSettings(options.url);
  const settings = [
    // Of two settings of one name the later one counts: ours.
    ...ofUrl,
    '-c timezone=UTC',
    `-c statement_timeout=${String(statementTimeoutMs)}`,
    '-c idle_in_transaction_session_timeout=60000',
    // A process whose machine is gone leaves nothing behind for longer than a minute, session locks above all.
    '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3',
    ...(options.role === undefined ? [] : [`-c role=${options.role}`]),
    ...Object.entries(options.settings ?? {}).map(([name, value]) => `-c ${name}=${value}`),
  ];
  const connection = {
    connectionString: url,
    application_name: options.applicationName ?? 'daybook',
    connectionTimeoutMillis: 5_000,
    ...(statementTimeoutMs === 0 ? {} : { query_timeout: statementTimeoutMs + answerMarginMs }),
    ...keepAlive,
    options: settings.join(' '),
    types,
  };
  let closing: Promise<void> | undefined;
  const pool = new pg.Pool({
    ...connection,
    max: options.poolSize ?? 10,
    idleTimeoutMillis: 30_000,
    pipeline: options.pipeline ?? false,
    Client: LeavingClient,
  });
  // The pool listens to idle connections alone: one that dies in somebody's hands between two statements would end the
  // process. Whoever has it learns of it by the next statement.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  // An idle connection that dies (a restart of PostgreSQL) is replaced by the pool at its next use.
  pool.on('error', (error) => {
    // `pool.end` says goodbye and does not wait for it: a server that stops right after it is no news.
    if (closing !== undefined) return;
    options.log.warn('An idle database connection ended.', { reason: error.message });
  });
  let knex: Knex | undefined;
  return {
    url: options.url,
    pool,
    get knex() {
      knex ??= knexFactory({
        client: 'pg',
        connection: connection as Knex.PgConnectionConfig,
        pool: { min: 0, max: 4 },
        // What fails is thrown as well, and told where it is caught.
        log: { warn: silent, error: silent, deprecate: silent, debug: silent },
      });
      return knex;
    },
    transaction: (work) => transaction(pool, work),
    close: () =>
      (closing ??= (async () => {
        await Promise.all([pool.end(), knex?.destroy()]);
      })()),
  };
}

async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw translateDatabaseError(error);
  }
  let stage: 'commit' | undefined;
  let broken = false;
  try {
    await client.query('begin');
    const result = await work(client);
    stage = 'commit';
    await client.query('commit');
    return result;
  } catch (error) {
    // A server that did not answer in time, or that takes no writes, is not asked again: closing the connection rolls
    // back as well.
    broken =
      isUnanswered(error) || isReadOnly(error)
        ? true
        : await client.query('rollback').then(
            () => false,
            () => true,
          );
    throw stage === 'commit' || isDriverError(error) ? translateDatabaseError(error, stage) : error;
  } finally {
    client.release(broken);
  }
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const passing: Readonly<Record<string, 'now' | 'later'>> = {
  // After a failover, by a connection to what is a replica by now.
  '25006': 'later',
  '40001': 'now',
  '40P01': 'now',
  '55P03': 'later',
  '25P03': 'later',
  '53000': 'later',
  '53100': 'later',
  '53200': 'later',
  '53300': 'later',
  '57P01': 'later',
  '57P02': 'later',
  '57P03': 'later',
};

/**
 * The one place that turns driver errors into the platform's. A connection lost during commit is `timeout`, since
 * nobody knows what became of it; one that cannot be had, for whatever reason, is for later; what PostgreSQL refuses for a reason that will not pass is a bug: `never`.
 */
export function translateDatabaseError(error: unknown, stage?: 'commit'): DaybookError {
  if (error instanceof DaybookError) return error;
  const { code } = error as { code?: unknown };
  // Codes of sockets such as EPIPE look the same.
  const sqlState =
    typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !socketCodes.has(code) ? code : undefined;
  const failure = stage === 'commit' ? undefined : connectionFailure(error);
  if (failure !== undefined) {
    const fields = sqlState === undefined ? {} : { sqlState };
    return new DaybookError('unavailable', failure.says, { retry: 'later', fields, cause: error });
  }
  if (sqlState !== undefined) return refused(sqlState, error);
  if (isUnanswered(error)) {
    return new DaybookError('timeout', 'The database does not answer.', { retry: 'later', cause: error });
  }
  if (!isConnectionError(error)) {
    return new DaybookError('unavailable', 'A database call failed.', { cause: error });
  }
  return stage === 'commit'
    ? new DaybookError('timeout', 'The connection was lost during commit.', { retry: 'later', cause: error })
    : new DaybookError('unavailable', 'The database cannot be reached.', { retry: 'later', cause: error });
}

function refused(sqlState: string, cause: unknown): DaybookError {
  if (sqlState === '57014') {
    return new DaybookError('timeout', 'The database took too long.', { retry: 'later', cause });
  }
  const retry = passing[sqlState] ?? (sqlState.startsWith('08') ? 'later' : 'never');
  const message =
    retry === 'never' ? 'The database refused a statement.' : 'The database refuses work for now.';
  return new DaybookError('unavailable', message, { retry, fields: { sqlState }, cause });
}

const silent = (): void => undefined;

const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ECONNABORTED',
  // This side has no file descriptor, port or buffer left for a connection.
  'EMFILE',
  'ENFILE',
  'EADDRNOTAVAIL',
  'ENOBUFS',
]);

/** Whether the driver threw it, rather than code that uses the driver. */
export function isDriverError(error: unknown): boolean {
  return (
    error instanceof pg.DatabaseError ||
    (Error.isError(error) && (isConnectionError(error) || isUnanswered(error)))
  );
}

/** Whether a write met a server that only reads: another connection may lead to one that writes. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '25006';
}

/** What pg says, without a code, where `query_timeout` is over. */
function isUnanswered(error: unknown): boolean {
  return (error as { message?: unknown } | null)?.message === 'Query read timeout';
}

function isConnectionError(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return (
    (typeof code === 'string' && socketCodes.has(code)) ||
    // pg reports these without a code.
    /Connection terminated|timeout exceeded when trying to connect|connection error|not queryable/.test(
      String(message),
    )
  );
}
