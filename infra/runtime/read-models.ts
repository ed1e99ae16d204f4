import type pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import type { Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { Querier } from './checkpoints.ts';
import {
  followedBuild,
  readModelBuild,
  shownBuilds,
  type ReadModelBuild,
  type ShownBuilds,
} from './rebuild/builds.ts';
import { quoted, snakeCase, sqlColumns, tenantColumn, viewName, type SqlColumn } from './sql-names.ts';

/** The role that queries run as; `0050-runtime.sql` creates it. */
export const queryRole = 'daybook_query';

/** The setting that names a connection's tenant to row-level security. */
export const tenantSetting = 'app.tenant';

/**
 * Creates the table of the build that a projection's version follows, or confirms it: tenant first in the primary key and
 * in each index, row-level security by tenant, readable by the query role. Several processes may call it at once.
 * @throws `configuration-invalid` where the table was made for another declaration of the same version
 */
export async function ensureReadModel(
  database: Database,
  projection: AnyProjection,
): Promise<ReadModelBuild> {
  const build = await database.transaction(async (client) => {
    await lockProjection(client, projection);
    const followed = await followedBuild(client, projection);
    await recordBuild(client, followed, { followed: true, fingerprint: null });
    const declared = canonical(projection.table);
    const existing = await declarationOf(client, followed);
    if (existing === undefined) await client.query(tableDefinition(followed));
    else if (existing !== declared) throw changedTable(projection);
    await failpoint('readModel.making');
    return followed;
  });
  await failpoint('readModel.made');
  return build;
}

/**
 * Creates the table of another build of this version beside those that there are, followed by nobody.
 * @param fingerprint of the code that will fold it
 */
export async function makeBuild(
  database: Database,
  projection: AnyProjection,
  fingerprint: string,
): Promise<ReadModelBuild> {
  const made = await database.transaction(async (client) => {
    await lockProjection(client, projection);
    const { rows } = await client.query<{ build: number }>(
      `select coalesce(max(build), 1) + 1 as build from runtime.builds where projection = $1 and version = $2`,
      [projection.name, projection.version],
    );
    const build = readModelBuild(projection, rows[0]?.build);
    await client.query(`drop table if exists ${build.table}`);
    await recordBuild(client, build, { followed: false, fingerprint });
    await client.query(tableDefinition(build));
    await failpoint('rebuild.making');
    return build;
  });
  await failpoint('rebuild.made');
  return made;
}

/** What the table of a build was made for: the declaration, as one text; undefined where there is no table. */
export async function declarationOf(
  querier: Querier,
  { table }: Pick<ReadModelBuild, 'table'>,
): Promise<string | null | undefined> {
  const { rows } = await querier.query<{ declared: string | null }>(
    `select obj_description(to_regclass($1), 'pg_class') as declared where to_regclass($1) is not null`,
    [table],
  );
  return rows[0]?.declared;
}

async function recordBuild(
  client: pg.PoolClient,
  { projection, build, consumer }: ReadModelBuild,
  { followed, fingerprint }: Readonly<{ followed: boolean; fingerprint: string | null }>,
): Promise<void> {
  await client.query(
    `insert into runtime.builds (projection, version, build, consumer, followed, fingerprint)
     values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [projection.name, projection.version, build, consumer.name, followed, fingerprint],
  );
}

/**
 * Lets a projection's view show this version at once, unless it shows a later one, whatever is in the tables: for a view
 * that nobody reads yet. `switchReadModel` is for one that serves.
 */
export async function showReadModel(database: Database, projection: AnyProjection): Promise<void> {
  await database.transaction(async (client) => {
    await lockProjection(client, projection);
    const shown = await shownBuilds(client, projection.name);
    if (shown !== undefined && shown.version >= projection.version) return;
    await showBuild(client, await followedBuild(client, projection), shown);
  });
}

/**
 * Lets the view show a build, which projectors of its version follow from here on, within the caller's transaction under
 * `lockProjection`. The view runs with its reader's rights, so that row-level security applies through it.
 */
export async function showBuild(
  client: pg.PoolClient,
  { projection, build, table }: ReadModelBuild,
  before: ShownBuilds | undefined,
): Promise<void> {
  const { name, version } = projection;
  await client.query(
    `update runtime.builds set followed = false where projection = $1 and version = $2 and followed and build <> $3`,
    [name, version, build],
  );
  await client.query(
    `update runtime.builds set followed = true, shown_at = now()
     where projection = $1 and version = $2 and build = $3`,
    [name, version, build],
  );
  await client.query(
    `insert into runtime.read_models as m (projection, version, build, previous_version, previous_build)
     values ($1, $2, $3, $4, $5)
     on conflict (projection) do update set version = excluded.version, build = excluded.build, switched_at = now(),
       previous_version = excluded.previous_version, previous_build = excluded.previous_build`,
    [name, version, build, before?.version ?? null, before?.build ?? null],
  );
  await client.query(viewDefinition(projection, table));
}

/** Takes turns with whoever makes, shows or drops tables of the projection, to the end of the transaction. */
export async function lockProjection(
  client: pg.PoolClient,
  { name }: Pick<AnyProjection, 'name'>,
): Promise<void> {
  await client.query('select pg_advisory_xact_lock(hashtext($1))', [`read model ${name}`]);
}

function tableDefinition({ projection, table }: ReadModelBuild): string {
  const declared = canonical(projection.table);
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

function viewDefinition(projection: AnyProjection, table: string): string {
  const view = viewName(projection.name);
  const columns = [tenantColumn, ...sqlColumns(projection).map(({ name }) => name)].join(', ');
  return `
    drop view if exists ${view};
    create view ${view} with (security_invoker = true) as select ${columns} from ${table};
    grant select on ${view} to ${queryRole};`;
}

function changedTable({ name, version }: AnyProjection): DaybookError {
  return new DaybookError(
    'configuration-invalid',
    'The table of a projection differs from its declaration: raise the projection’s version.',
    { fields: { projection: name, version } },
  );
}
