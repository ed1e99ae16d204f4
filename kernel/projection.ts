import type { Event, Position, RecordedEvent, StreamName } from './event.ts';

/** SQL types of read-model columns. `instant` is ISO 8601 UTC text in rows, `bigint` a safe integer. */
export type ColumnType =
  'text' | 'integer' | 'bigint' | 'double' | 'boolean' | 'instant' | 'json' | 'textArray';

export type Column = Readonly<{ type: ColumnType; nullable?: boolean }>;

export type Row = Readonly<Record<string, unknown>>;

/** A read-model table. Names are camelCase here and snake_case in SQL. The tenant column is added by the runtime. */
export type Table<R extends Row, K extends keyof R & string> = Readonly<{
  columns: Readonly<Record<keyof R & string, Column>>;
  /** Together with the tenant the primary key. */
  key: readonly K[];
  /** Each index leads with the tenant. */
  indexes?: readonly (readonly (keyof R & string)[])[];
}>;

/** Where the events of a row are found again: in streams, at one place of the log, or anywhere since a time. */
export type Origin =
  | Readonly<{ streams: readonly StreamName[] }>
  | Readonly<{ position: Position }>
  /** ISO 8601, UTC: no event of the row was recorded before it. */
  | Readonly<{ since: string }>;

/**
 * A read model: a fold over rows. The runtime loads the rows a batch touches, folds in memory and writes them back
 * together with the checkpoint. Sealed fields stay sealed in rows; queries open them.
 */
export type Projection<E extends Event, R extends Row, K extends keyof R & string> = Readonly<{
  /** camelCase; the table's name in SQL is its snake_case. */
  name: string;
  /** Raised when `evolve` or the table changes: another version owns another table. */
  version: number;
  table: Table<R, K>;
  /** The event types it handles; others only move its checkpoint. */
  handles: readonly E['type'][];
  /** The rows an event touches. */
  keys: (event: RecordedEvent<E>) => readonly Readonly<Pick<R, K>>[];
  /**
   * Where to look for the events of a row, so that it can be explained without a second log. Absent: among all events of
   * the handled types, which is right for few of them only.
   */
  origin?: (key: Readonly<Pick<R, K>>) => Origin;
  /** `null` in: no such row; `null` out: remove it. Never throws: a recorded fact cannot be refused. */
  evolve: (row: R | null, event: RecordedEvent<E>, key: Readonly<Pick<R, K>>) => R | null;
}>;

/** A projection with its type parameters closed over. */
export type AnyProjection = Readonly<{
  name: string;
  version: number;
  table: Table<Row, string>;
  handles: ReadonlySet<string>;
  keys: (event: RecordedEvent) => readonly Row[];
  origin?: (key: Row) => Origin;
  evolve: (row: Row | null, event: RecordedEvent, key: Row) => Row | null;
}>;

/** Closes a projection over its types. The casts are sound: only handled events and its own rows are passed in. */
export function defineProjection<E extends Event, R extends Row, K extends keyof R & string>(
  projection: Projection<E, R, K>,
): AnyProjection {
  const { origin } = projection;
  return {
    name: projection.name,
    version: projection.version,
    table: projection.table,
    handles: new Set<string>(projection.handles),
    keys: (event) => projection.keys(event as RecordedEvent<E>),
    ...(origin === undefined ? {} : { origin: (key) => origin(key as Pick<R, K>) }),
    evolve: (row, event, key) =>
      projection.evolve(row as R | null, event as RecordedEvent<E>, key as Pick<R, K>),
  };
}
