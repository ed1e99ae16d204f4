import knexFactory, { type Knex } from 'knex';
import type pg from 'pg';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { openDatabase } from '../database/database.ts';
import { findTogether } from './find-together.ts';
import { queryRole } from './read-models.ts';
import { camelCase, readSchema, snakeCase, tenantColumn } from './sql-names.ts';
import { tenantConnections, type RunStatement } from './tenant-connections.ts';

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
   * The row whose column, unique and of text, holds a value. What is asked for at the same time goes to the server in
   * one statement.
   * @throws `unavailable` · `timeout`
   */
  find<R extends object>(projection: string, column: keyof R & string, value: string): Promise<R | undefined>;
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

/** Opens the read models for queries. Connects at first use. */
export function openQueryDatabase(options: QueryDatabaseOptions): QueryDatabase {
  const database = openDatabase({
    url: options.url,
    log: options.log,
    role: queryRole,
    applicationName: 'daybook queries',
    poolSize: options.poolSize ?? 10,
    statementTimeoutMs: options.statementTimeoutMs ?? 5_000,
    pipeline: true,
  });
  const connections = tenantConnections(database.pool);
  const { run } = connections;
  const builder = camelCaseKnex(run);
  const find = findTogether(async (tenantId, text, values) =>
    camelCaseRows(await run(tenantId, { text, values })),
  );
  return {
    forTenant: (tenantId) => ({
      from: <R extends object>(projection: string) =>
        builder
          .withSchema(readSchema)
          .from(projection)
          .where(`${projection}.${camelCase(tenantColumn)}`, tenantId)
          .queryContext({ tenantId }) as unknown as Knex.QueryBuilder<R, R[]>,
      find: <R extends object>(projection: string, column: keyof R & string, value: string) =>
        find(tenantId, projection, column, value) as Promise<R | undefined>,
      sql: async <T extends object>(text: string, params: readonly unknown[] = []) =>
        camelCaseRows(await run(tenantId, { text, values: params })) as T[],
    }),
    close: async () => {
      connections.close();
      await database.close();
    },
  };
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
      const result = await run(tenantId, { text: native.sql, values: native.bindings });
      return shaped(compiled.method, camelCaseRows(result));
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

/** Rows under the names of their columns, without the tenant's. */
function camelCaseRows({ rows, fields }: pg.QueryArrayResult): Record<string, unknown>[] {
  const names = fields.map(({ name }) => (name === tenantColumn ? null : camelCase(name)));
  return rows.map((values) => {
    const row: Record<string, unknown> = {};
    for (const [index, name] of names.entries()) if (name !== null) row[name] = values[index] as unknown;
    return row;
  });
}
