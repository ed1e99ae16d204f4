import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { moveExpressions, moveParameters, type PartitionMove, type Querier } from './checkpoints.ts';
import { rowId, type ChangedRow, type RowChanges, type TouchedRow } from './fold-batch.ts';
import type { ReadModelBuild } from './rebuild/builds.ts';
import { quoted, sqlColumns, tenantColumn, type SqlColumn } from './sql-names.ts';

/** Rows of the table of one build of a read model, read and written many at a time. */
export type ReadModelRows = Readonly<{
  /** The touched rows that exist, by their id, with one statement. */
  load(querier: Querier, touched: Iterable<TouchedRow>): Promise<ReadonlyMap<string, Row>>;
  /**
   * Writes batches of several partitions with one statement, which is a transaction by itself: of each batch rows,
   * checkpoint and holds, or nothing where somebody else moved its checkpoint. Answers with the partitions that moved.
   */
  write(querier: Querier, batches: readonly WrittenBatch[]): Promise<ReadonlySet<number>>;
}>;

/** What a batch of one partition comes to. */
export type WrittenBatch = PartitionMove & Readonly<{ changes: RowChanges }>;

/** Prepares the statements of a build. Rows travel as one JSON parameter, typed by the declared columns. */
export function readModelRows({ projection, consumer, table }: ReadModelBuild): ReadModelRows {
  const columns = sqlColumns(projection);
  const statements = { load: loadStatement(table, columns), write: writeStatement(table, columns) };
  const label = `${consumer.name} ${String(consumer.version)}`;
  return {
    load: async (querier, touched) => {
      const keys = [...touched].map(({ tenantId, key }) => ({ tenantId, ...key }));
      if (keys.length === 0) return new Map();
      const { rows } = await querier.query<unknown[]>({
        name: `load ${label}`,
        text: statements.load,
        values: [JSON.stringify(keys)],
        rowMode: 'array',
      });
      return new Map(rows.map((values) => storedRow(projection, columns, values)));
    },
    write: async (querier, batches) => {
      const { rows } = await querier.query<{ partition: number }>({
        // Removals join with the table: a kept plan may have been made for an empty one, and scan all of it.
        ...(batches.every(({ changes }) => changes.deletes.length === 0) ? { name: `write ${label}` } : {}),
        text: statements.write,
        values: [
          ...moveParameters(consumer, batches),
          rowsAsJson(batches, ({ upserts }) => upserts),
          rowsAsJson(batches, ({ deletes }) => deletes),
        ],
      });
      return new Set(rows.map(({ partition }) => partition));
    },
  };
}

/** Names the batch that a row belongs to; no property of a row is called so. */
const ofPartition = '#partition';

function rowsAsJson(
  batches: readonly WrittenBatch[],
  choose: (changes: RowChanges) => readonly ChangedRow[],
): string {
  return JSON.stringify(
    batches.flatMap(({ move, changes }) =>
      choose(changes).map(({ tenantId, row }) => ({ ...row, tenantId, [ofPartition]: move.partition })),
    ),
  );
}

function storedRow(
  projection: AnyProjection,
  columns: readonly SqlColumn[],
  [tenantId, ...values]: readonly unknown[],
): [string, Row] {
  const row: Record<string, unknown> = {};
  for (const [index, { property }] of columns.entries()) row[property] = values[index];
  return [rowId(projection, String(tenantId), row), row];
}

/** `r(tenant, …)`: the alias that types a JSON parameter by columns named as in rows. */
function typed(alias: string, columns: readonly SqlColumn[]): string {
  const fields = columns.map(({ property, sqlType }) => `${quoted(property)} ${sqlType}`);
  return `${alias}("tenantId" text, "${ofPartition}" integer, ${fields.join(', ')})`;
}

/** `t.product_id = k."productId" and …`, the tenant first. */
function sameKey(columns: readonly SqlColumn[]): string {
  return [
    `t.${tenantColumn} = k."tenantId"`,
    ...columns.filter(({ isKey }) => isKey).map(({ name, property }) => `t.${name} = k.${quoted(property)}`),
  ].join(' and ');
}

/**
 * Looks each key up by the primary key. A plain join lets the planner hash the whole table where it was small when the
 * plan was made, and the plan stays until the table is analysed.
 */
function loadStatement(table: string, columns: readonly SqlColumn[]): string {
  const keys = columns.filter(({ isKey }) => isKey);
  return `
    select t.* from json_to_recordset($1::json) as ${typed('k', keys)}
    cross join lateral (
      select t.${tenantColumn}, ${columns.map(({ name }) => `t.${name}`).join(', ')}
      from ${table} t where ${sameKey(columns)} limit 1) t`;
}

/** Of a batch whose checkpoint does not move, nothing is written. */
function writeStatement(table: string, columns: readonly SqlColumn[]): string {
  const keys = columns.filter(({ isKey }) => isKey);
  const values = columns.filter(({ isKey }) => !isKey);
  const onConflict =
    values.length === 0
      ? 'do nothing'
      : `do update set ${values.map(({ name }) => `${name} = excluded.${name}`).join(', ')}`;
  return `
    with ${moveExpressions}, upserted as (
      insert into ${table} (${[tenantColumn, ...columns.map(({ name }) => name)].join(', ')})
      select r."tenantId", ${columns.map(({ property }) => `r.${quoted(property)}`).join(', ')}
      from json_to_recordset($5::json) as ${typed('r', columns)}
      where r."${ofPartition}" in (select partition from gate)
      on conflict (${[tenantColumn, ...keys.map(({ name }) => name)].join(', ')}) ${onConflict}
    ), deleted as (
      delete from ${table} t
      using json_to_recordset($6::json) as ${typed('k', keys)}
      where k."${ofPartition}" in (select partition from gate) and ${sameKey(columns)}
    )
    select partition from gate`;
}
