import type { AnyProjection, ColumnType } from '@daybook/kernel/projection.ts';

/** Names and types of read models in SQL. Everything that speaks of their tables takes them from here. */

/** `priceHistory` → `price_history`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `price_history` → `priceHistory`; the inverse of `snakeCase`. */
export function camelCase(name: string): string {
  let known = camelCased.get(name);
  if (known === undefined) {
    known = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (camelCased.size < 5_000) camelCased.set(name, known);
  }
  return known;
}

/** Every column of every row asks. */
const camelCased = new Map<string, string>();

/** The schema of read models. */
export const readSchema = 'read';

/** The column every table leads with. No projection declares it. */
export const tenantColumn = 'tenant_id';

export const sqlTypes: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  integer: 'integer',
  bigint: 'bigint',
  double: 'double precision',
  boolean: 'boolean',
  instant: 'timestamptz',
  json: 'jsonb',
  textArray: 'text[]',
};

/** A declared column and what it is in SQL. */
export type SqlColumn = Readonly<{
  /** Its name in rows. */
  property: string;
  /** Its quoted name in SQL. */
  name: string;
  type: ColumnType;
  sqlType: string;
  nullable: boolean;
  isKey: boolean;
}>;

/** The declared columns, in order of declaration. */
export function sqlColumns({ table }: AnyProjection): readonly SqlColumn[] {
  return Object.entries(table.columns).map(([property, { type, nullable = false }]) => ({
    property,
    name: quoted(snakeCase(property)),
    type,
    sqlType: sqlTypes[type],
    nullable,
    isKey: table.key.includes(property),
  }));
}

/** The table of one version of a projection, with its schema: of its first build, or of a later one. */
export function tableName({ name, version }: Pick<AnyProjection, 'name' | 'version'>, build = 1): string {
  const ofBuild = build === 1 ? '' : `_b${String(build)}`;
  return `${readSchema}.${quoted(`${snakeCase(name)}_v${String(version)}${ofBuild}`)}`;
}

/** The view that shows the present version of a projection, with its schema. */
export function viewName(projection: string): string {
  return `${readSchema}.${quoted(snakeCase(projection))}`;
}

/** An identifier as SQL takes it, whatever stands in it. */
export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
