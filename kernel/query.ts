import type { Actor } from './event.ts';
import type { Access, Role } from './command.ts';
import type { Schema } from './schema.ts';

/** What the runtime hands to a query beside its input. */
export type QueryContext = Readonly<{
  tenantId: string;
  actor: Actor;
  /** The caller's; null where nobody signed in. For what one of several roles may see less of. */
  role: Role | null;
  now: string;
}>;

/**
 * A question to read models. `Db` is the tenant's own view of the database: row-level security stands behind it,
 * so that a forgotten filter shows nothing foreign.
 */
export type QueryDefinition<Db, In, Out> = Readonly<{
  /** camelCase, unique over all capabilities. */
  name: string;
  summary: string;
  access: Exclude<Access, 'internal'>;
  path: string;
  /** Path and query parameters as one object of strings; the schema coerces. Unknown ones are refused. */
  input: Schema<In>;
  output: Schema<Out>;
  /** Names of the projections it reads; its answer carries the least of their positions. */
  reads: readonly string[];
  /** `null` answers 404: missing and foreign look the same. */
  run: (db: Db, input: In, context: QueryContext) => Promise<Out | null>;
  /** Further representations by media type, chosen by `Accept`: `{ 'text/csv': toCsv }`. */
  formats?: Readonly<Record<string, (output: Out) => string>>;
}>;

/** A query with its type parameters closed over. */
export type Query<Db> = QueryDefinition<Db, unknown, unknown>;

/** Closes a query over its types. The cast is sound: `run` gets what `input` let through. */
export function defineQuery<Db, In, Out>(definition: QueryDefinition<Db, In, Out>): Query<Db> {
  return definition as unknown as Query<Db>;
}
