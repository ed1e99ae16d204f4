import knexFactory, { type Knex } from 'knex';
import type pg from 'pg';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { openDatabase, translateDatabaseError } from '../database/database.ts';
import { queryRole, tenantSetting } from './read-models.ts';
import { camelCase, readSchema, snakeCase, tenantColumn } from './sql-names.ts';

/**
 * One tenant's view of the read models. Names are camelCase on this side. Row-level security stands behind it: without
 * any filter it shows the tenant's rows and no others.
 */
export type TenantDb = Readonly<{
  /**
   * A knex query over a projection's view, already limited to the tenant; awaiting it runs it. Rows hold the declared
   * columns under their declared names, instants as ISO 8601 text. Joined views name their columns with the view:
   * `products.productId`.
   * @throws `unavailable` · `timeout`
   */
  from<R extends object = Record<string, unknown>>(projection: string): Knex.QueryBuilder<R, R[]>;
  /**
   * Runs SQL over the schema `read` with `$1` parameters, in SQL's own names; columns of the answer come camelCase.
   * @throws `unavailable` · `timeout`
   */
  sql<T extends object = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<T[]>;
}>;

/** Read models as queries see them: connections run as the query role, in a pool of their own. */
export type QueryDatabase = Readonly<{
  forTenant(tenantId: string): TenantDb;
  /** Idempotent. */
  close(): Promise<void>;
}>;

export type QueryDatabaseOptions = Readonly<{
  url: string;
  log: Log;
  /** Default 10. */
  poolSize?: number;
  /** Longest statement in milliseconds. Default 5 000. */
  statementTimeoutMs?: number;
}>;

type Statement = Readonly<{ text: string; values: readonly unknown[] }>;
type RunStatement = (tenantId: string, statement: Statement) => Promise<pg.QueryResult<pg.QueryResultRow>>;

/** Opens the read models for queries. Connects at first use. */
export function openQueryDatabase(options: QueryDatabaseOptions): QueryDatabase {
  const database = openDatabase({
    url: options.url,
    log: options.log,
    role: queryRole,
    applicationName: 'daybook queries',
    poolSize: options.poolSize ?? 10,
    statementTimeoutMs: options.statementTimeoutMs ?? 5_000,
  });
  const run = tenantRunner(database.pool);
  const builder = camelCaseKnex(run);
  return {
    forTenant: (tenantId) => ({
      from: <R extends object>(projection: string) =>
        builder
          .withSchema(readSchema)
          .from(projection)
          .where(`${projection}.${camelCase(tenantColumn)}`, tenantId)
          .queryContext({ tenantId }) as unknown as Knex.QueryBuilder<R, R[]>,
      sql: async <T extends object>(text: string, params: readonly unknown[] = []) =>
        (await run(tenantId, { text, values: params })).rows.map(camelCaseRow) as T[],
    }),
    close: database.close,
  };
}

/**
 * Runs statements on connections whose setting names the tenant. The setting stays with the connection, so that a
 * connection serving the same tenant again costs no second round trip. Statements are prepared once a connection:
 * planning one costs the server more than running it.
 */
function tenantRunner(pool: pg.Pool): RunStatement {
  const tenants = new WeakMap<pg.PoolClient, string>();
  const nameOf = statementNames();

  async function attempt(
    tenantId: string,
    { text, values }: Statement,
  ): Promise<pg.QueryResult<pg.QueryResultRow>> {
    let client: pg.PoolClient | undefined;
    let failure: unknown;
    try {
      client = await pool.connect();
      if (tenants.get(client) !== tenantId) {
        tenants.delete(client);
        await client.query({
          name: 'tenant',
          text: `select set_config('${tenantSetting}', $1, false)`,
          values: [tenantId],
        });
        tenants.set(client, tenantId);
      }
      const name = nameOf(text);
      return await client.query({
        ...(name === undefined ? {} : { name }),
        text,
        values: values as unknown[],
      });
    } catch (error) {
      failure = translateDatabaseError(error);
      throw failure;
    } finally {
      // A connection that failed for another reason than the statement's own is not used again.
      client?.release(failure !== undefined && (!isRefusal(failure) || isOutdatedPlan(failure)));
    }
  }

  return async (tenantId, statement) => {
    for (;;) {
      try {
        return await attempt(tenantId, statement);
      } catch (error) {
        // The view shows another version: each connection that prepared the statement before it is replaced.
        if (!isOutdatedPlan(error)) throw error;
      }
    }
  };
}

const mostPrepared = 500;

/** A name for each text of a statement; none for more texts than a connection should hold plans. */
function statementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    let name = names.get(text);
    if (name === undefined && names.size < mostPrepared) {
      name = `query ${String(names.size)}`;
      names.set(text, name);
    }
    return name;
  };
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html: what a plan meets whose columns have changed. */
function isOutdatedPlan(error: unknown): boolean {
  return (
    (error as { fields?: { sqlState?: unknown } }).fields?.sqlState === '0A000' &&
    (error as { cause?: { message?: string } }).cause?.message === 'cached plan must not change result type'
  );
}

function isRefusal(error: unknown): boolean {
  return typeof (error as { fields?: { sqlState?: unknown } }).fields?.sqlState === 'string';
}

/**
 * A knex without connections: it builds SQL with names turned to snake_case, and what would run a query on knex's own
 * pool runs it through the tenant's.
 */
function camelCaseKnex(run: RunStatement): Knex {
  const knex = knexFactory({
    client: 'pg',
    wrapIdentifier: (name, wrap) => (name === '*' ? name : wrap(snakeCase(name))),
  });
  const client = knex.client as { runner: (builder: Knex.QueryBuilder) => { run: () => Promise<unknown> } };
  client.runner = (builder) => ({
    run: async () => {
      const { tenantId } = builder.queryContext() as { tenantId: string };
      const compiled = builder.toSQL() as Knex.Sql & { method?: string };
      const native = compiled.toNative();
      const { rows } = await run(tenantId, { text: native.sql, values: native.bindings });
      return shaped(compiled.method, rows.map(camelCaseRow));
    },
  });
  return knex;
}

/** What knex answers with for a method; only those that read. */
function shaped(method: string | undefined, rows: readonly Record<string, unknown>[]): unknown {
  if (method === 'first') return rows[0];
  if (method === 'pluck') return rows.map((row) => Object.values(row)[0]);
  return rows;
}

function camelCaseRow(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) {
    if (column !== tenantColumn) result[camelCase(column)] = value;
  }
  return result;
}
