/** Point 4 of the oracle: read models are folds of the log. */
import type { Database } from '@daybook/infra/database/database.ts';
import { foldBatch, touchesOf } from '@daybook/infra/runtime/fold-batch.ts';
import { followedBuild, type ReadModelBuild } from '@daybook/infra/runtime/rebuild/builds.ts';
import { sqlColumns, tenantColumn } from '@daybook/infra/runtime/sql-names.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import type { Published } from './oracle-log.ts';

/** 4. Each read model is the fold of the log, and its checkpoints stand at the last event of their partition. */
export async function readModelsAreFolds(
  database: Database,
  events: readonly RecordedEvent[],
  published: readonly Published[],
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const ends = new Map<number, string>();
  for (const { partition, event } of published) {
    if (event.position > (ends.get(partition) ?? '')) ends.set(partition, event.position);
  }
  const head = events.at(-1)?.position ?? '';
  for (const projection of allProjections) {
    const expected = foldBatch(projection, touchesOf(projection, events), new Map()).upserts;
    const want = expected.map(({ tenantId, row }) => line(projection, tenantId, row)).toSorted();
    const build = await followedBuild(database.pool, projection);
    const got = (await storedRows(database, build)).toSorted();
    const missing = want.filter((text) => !got.includes(text));
    const extra = got.filter((text) => !want.includes(text));
    for (const text of missing.slice(0, 3)) wrong.push(`${projection.name} lacks ${text}`);
    for (const text of extra.slice(0, 3)) wrong.push(`${projection.name} has ${text}`);
    const { name, version } = build.consumer;
    const { rows } = await database.pool.query<{ partition: number; position: string }>(
      'select partition, position from runtime.checkpoints where consumer = $1 and version = $2',
      [name, version],
    );
    for (const [partition, end] of ends) {
      const at = rows.find((row) => row.partition === partition)?.position;
      // One that read the log itself stands where it ended, in every partition.
      if (at === undefined || at < end || at > head)
        wrong.push(`${name} is at ${String(at)} of ${end} in partition ${String(partition)}`);
    }
  }
  return wrong;
}

async function storedRows(
  database: Database,
  { projection, table }: ReadModelBuild,
): Promise<readonly string[]> {
  const columns = sqlColumns(projection);
  const names = [tenantColumn, ...columns.map(({ name }) => name)].join(', ');
  const { rows } = await database.pool.query<unknown[]>({
    text: `select ${names} from ${table}`,
    values: [],
    rowMode: 'array',
  });
  return rows.map(([tenantId, ...values]) => {
    const row = Object.fromEntries(columns.map(({ property }, index) => [property, values[index]]));
    return line(projection, String(tenantId), row);
  });
}

/** A row as one text; instants as moments, whatever their spelling. */
function line(projection: AnyProjection, tenantId: string, row: Row): string {
  const values = sqlColumns(projection).map(({ property, type }) => {
    const value = row[property] ?? null;
    return type === 'instant' && typeof value === 'string' ? Date.parse(value) : value;
  });
  return canonical([tenantId, ...values]);
}
