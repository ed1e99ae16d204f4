import type pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import type { Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import {
  quoted,
  snakeCase,
  sqlColumns,
  tableName,
  tenantColumn,
  viewName,
  type SqlColumn,
} from './sql-names.ts';

/** The role that queries run as; `0050-runtime.sql` creates it. */
export const queryRole = 'daybook_query';

/** The setting that names a connection's tenant to row-level security. */
export const tenantSetting = 'app.tenant';

/**
 * Creates the table of a projection's version, or confirms it: tenant first in the primary key and in each index,
 * row-level security by tenant, readable by the query role. Several processes may call it at once.
 * @throws `configuration-invalid` where the table was made for another declaration of the same version
 */
export async function ensureReadModel(database: Database, projection: AnyProjection): Promise<void> {
  const declared = canonical(projection.table);
  await database.transaction(async (client) => {
    await lockProjection(client, projection);
    const { rows } = await client.query<{ declared: string | null }>(
      `select obj_description(to_regclass($1), 'pg_class') as declared where to_regclass($1) is not null`,
      [tableName(projection)],
    );
    const [existing] = rows;
    if (existing === undefined) await client.query(tableDefinition(projection, declared));
    else if (existing.declared !== declared) throw changedTable(projection);
    await failpoint('readModel.making');
  });
  await failpoint('readModel.made');
}

/**
 * Lets the projection's view show this version, unless it shows a later one. The view runs with its reader's rights,
 * so that row-level security applies through it.
 */
export async function showReadModel(database: Database, projection: AnyProjection): Promise<void> {
  await database.transaction(async (client) => {
    await lockProjection(client, projection);
    const { rowCount } = await client.query(
      `insert into runtime.read_models as m (projection, version) values ($1, $2)
       on conflict (projection) do update set version = excluded.version, switched_at = now()
       where m.version < excluded.version`,
      [projection.name, projection.version],
    );
    if (rowCount === 1) await client.query(viewDefinition(projection));
    await failpoint('readModel.showing');
  });
  await failpoint('readModel.shown');
}

async function lockProjection(client: pg.PoolClient, { name }: AnyProjection): Promise<void> {
  await client.query('select pg_advisory_xact_lock(hashtext($1))', [`read model ${name}`]);
}

function tableDefinition(projection: AnyProjection, declared: string): string {
  const table = tableName(projection);
  const columns = sqlColumns(projection);
  if (columns.some(({ name }) => name === quoted(tenantColumn))) {
    throw new DaybookError('configuration-invalid', 'The tenant column is added by the runtime.', {
      fields: { projection: projection.name },
    });
  }
  const key = keyColumns(projection, columns);
  return `
    create table ${table} (
      ${tenantColumn} text not null,
      ${columns.map(({ name, sqlType, nullable }) => `${name} ${sqlType}${nullable ? '' : ' not null'},`).join('\n')}
      primary key (${[tenantColumn, ...key].join(', ')})
    );
    ${(projection.table.indexes ?? [])
      .map((index) => [tenantColumn, ...index.map((property) => quoted(snakeCase(property)))].join(', '))
      .map((index) => `create index on ${table} (${index});`)
      .join('\n')}
    alter table ${table} enable row level security;
    create policy own_tenant on ${table} for select
      using (${tenantColumn} = current_setting('${tenantSetting}', true));
    grant select on ${table} to ${queryRole};
    comment on table ${table} is '${declared.replaceAll("'", "''")}';`;
}

/** Key columns in the order of the projection's key. */
function keyColumns({ table }: AnyProjection, columns: readonly SqlColumn[]): readonly string[] {
  return table.key.map((property) => {
    const column = columns.find((candidate) => candidate.property === property);
    if (column === undefined) throw new Error(`The key names ${property}, which is no column.`);
    return column.name;
  });
}

function viewDefinition(projection: AnyProjection): string {
  const view = viewName(projection.name);
  const columns = [tenantColumn, ...sqlColumns(projection).map(({ name }) => name)].join(', ');
  return `
    drop view if exists ${view};
    create view ${view} with (security_invoker = true) as select ${columns} from ${tableName(projection)};
    grant select on ${view} to ${queryRole};`;
}

function changedTable({ name, version }: AnyProjection): DaybookError {
  return new DaybookError(
    'configuration-invalid',
    'The table of a projection differs from its declaration: raise the projection’s version.',
    { fields: { projection: name, version } },
  );
}
