import { coalesced } from '../database/coalesced.ts';
import { quoted, snakeCase, tenantColumn, viewName } from './sql-names.ts';

/** Runs SQL as one tenant; rows under their declared names. */
export type RunSql = (
  tenantId: string,
  text: string,
  values: readonly unknown[],
) => Promise<readonly Record<string, unknown>[]>;

/** The row of a projection whose column holds a value; undefined for none. */
export type FindRow = (
  tenantId: string,
  projection: string,
  column: string,
  value: string,
) => Promise<Record<string, unknown> | undefined>;

/** Tenants, projections and columns that were asked for of late. */
const mostKinds = 1_000;

/**
 * Finds rows by a key. What one tenant asks for at the same time goes to the server in one statement: of a query for a
 * single row most of the cost is the statement's (`test/load/p17.ts`). Tenants never share one, since row-level security
 * goes by statement; the statement names the tenant all the same, and so hangs on no setting of its connection.
 */
export function findTogether(run: RunSql): FindRow {
  type Find = (value: string) => Promise<Record<string, unknown> | undefined>;
  const kinds = new Map<string, Find>();

  function finder(tenantId: string, projection: string, column: string): Find {
    // One look into the index for each value: the limit keeps the planner from reading all of the tenant's rows instead.
    const text = `
      select found.* from unnest($1::text[]) wanted (value)
      cross join lateral (
        select * from ${viewName(projection)}
        where ${tenantColumn} = $2 and ${quoted(snakeCase(column))} = wanted.value limit 1
      ) found`;
    return coalesced<string, Record<string, unknown> | undefined>(
      async (values) => {
        const rows = await run(tenantId, text, [[...new Set(values)], tenantId]);
        const found = new Map(rows.map((row) => [row[column], row]));
        return values.map((value) => found.get(value));
      },
      { maxItems: 100, maxBatches: 2 },
    );
  }

  return (tenantId, projection, column, value) => {
    const kind = `${tenantId} ${projection} ${column}`;
    let find = kinds.get(kind);
    if (find === undefined) {
      if (kinds.size >= mostKinds) kinds.delete(kinds.keys().next().value ?? '');
      find = finder(tenantId, projection, column);
      kinds.set(kind, find);
    }
    return find(value);
  };
}
