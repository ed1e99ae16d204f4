/** Which rows of two tables of one read model differ. The server compares; nothing but counts and examples come here. */
import type { Row } from '@daybook/kernel/projection.ts';
import { isSealed } from '@daybook/kernel/ports/outside.ts';
import { translateDatabaseError } from '../../database/database.ts';
import type { Querier } from '../checkpoints.ts';
import { camelCase, quoted, tenantColumn } from '../sql-names.ts';

/** A row that is in one table alone, or the columns in which it differs. Sealed values stay so. */
export type RowExample = Readonly<{
  tenantId: string;
  key: Row;
  /** By column: what it was, what it is. Empty for a row that was added or removed. */
  changes: Readonly<Record<string, readonly [before: unknown, after: unknown]>>;
}>;

export type RowDifference = Readonly<{
  rows: Readonly<{ before: number; after: number }>;
  added: number;
  removed: number;
  changed: number;
  examples: Readonly<{
    added: readonly RowExample[];
    removed: readonly RowExample[];
    changed: readonly RowExample[];
  }>;
  /** Columns of one table alone, or of another type there: not compared. */
  columns: Readonly<{ onlyBefore: readonly string[]; onlyAfter: readonly string[] }>;
  /** False where the tables have another key: their rows were only counted. */
  comparable: boolean;
}>;

const examplesEach = 3;

/**
 * Compares two tables by their keys, in the transaction of the caller. Both are read once in the order of their keys, side
 * by side, so that it takes no memory whatever their size; and once more for each kind of difference, up to the first few.
 * @throws `unavailable` · `timeout`
 */
export async function rowDifference(querier: Querier, before: string, after: string): Promise<RowDifference> {
  try {
    return await compare(querier, before, after);
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

async function compare(querier: Querier, before: string, after: string): Promise<RowDifference> {
  // Left to itself the planner may hash or sort all of a table.
  await querier.query(
    'set local enable_hashjoin = off; set local enable_sort = off; set local enable_nestloop = off',
  );
  const [old, young] = [await shapeOf(querier, before), await shapeOf(querier, after)];
  const isCommon = (own: Shape, other: Shape) => (column: string) =>
    own.columns.get(column) === other.columns.get(column);
  const columns = {
    onlyBefore: [...old.columns.keys()].filter((column) => !isCommon(old, young)(column)).map(camelCase),
    onlyAfter: [...young.columns.keys()].filter((column) => !isCommon(young, old)(column)).map(camelCase),
  };
  const sameKey = String(old.key) === String(young.key) && young.key.every(isCommon(old, young));
  if (!sameKey) return uncompared(querier, before, after, columns);
  const values = [...young.columns.keys()].filter(
    (column) => isCommon(young, old)(column) && !young.key.includes(column),
  );
  const joined = join(before, after, young.key);
  const kinds = {
    added: `b.${tenantColumn} is null`,
    removed: `a.${tenantColumn} is null`,
    changed: `a.${tenantColumn} is not null and b.${tenantColumn} is not null and ${differs(values)}`,
  };
  const counts = await countAll(querier, joined, kinds);
  const examplesOf = (kind: keyof typeof kinds): Promise<readonly RowExample[]> =>
    counts[kind] === 0
      ? Promise.resolve([])
      : examples(querier, `${joined} where ${kinds[kind]}`, young.key, kind === 'changed' ? values : []);
  return {
    rows: { before: counts.before, after: counts.after },
    added: counts.added,
    removed: counts.removed,
    changed: counts.changed,
    examples: {
      added: await examplesOf('added'),
      removed: await examplesOf('removed'),
      changed: await examplesOf('changed'),
    },
    columns,
    comparable: true,
  };
}

type Shape = Readonly<{ columns: ReadonlyMap<string, string>; key: readonly string[] }>;

async function shapeOf(querier: Querier, table: string): Promise<Shape> {
  const { rows } = await querier.query<{ name: string; type: string; place: number | null }>(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
       array_position(i.indkey::smallint[], a.attnum) as place
     from pg_attribute a
     join pg_index i on i.indrelid = a.attrelid and i.indisprimary
     where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
     order by place, a.attnum`,
    [table],
  );
  return {
    columns: new Map(rows.map(({ name, type }) => [name, type])),
    key: rows.filter(({ place }) => place !== null).map(({ name }) => name),
  };
}

function join(before: string, after: string, key: readonly string[]): string {
  const same = key.map((column) => `b.${quoted(column)} = a.${quoted(column)}`).join(' and ');
  return `from ${before} b full join ${after} a on ${same}`;
}

function differs(columns: readonly string[]): string {
  if (columns.length === 0) return 'false';
  const row = (alias: string): string => columns.map((column) => `${alias}.${quoted(column)}`).join(', ');
  return `row(${row('b')}) is distinct from row(${row('a')})`;
}

type Counts = Readonly<Record<'before' | 'after' | 'added' | 'removed' | 'changed', number>>;

async function countAll(
  querier: Querier,
  joined: string,
  kinds: Readonly<Record<'added' | 'removed' | 'changed', string>>,
): Promise<Counts> {
  const { rows } = await querier.query<Counts>(
    `select count(b.${tenantColumn}) as before, count(a.${tenantColumn}) as after,
       ${Object.entries(kinds)
         .map(([kind, condition]) => `count(*) filter (where ${condition}) as ${kind}`)
         .join(', ')} ${joined}`,
  );
  return rows[0] ?? { before: 0, after: 0, added: 0, removed: 0, changed: 0 };
}

async function examples(
  querier: Querier,
  joinedWhere: string,
  key: readonly string[],
  values: readonly string[],
): Promise<readonly RowExample[]> {
  const { rows } = await querier.query<{ before: Row | null; after: Row | null }>(
    `select to_jsonb(b) as before, to_jsonb(a) as after ${joinedWhere} limit ${String(examplesEach)}`,
  );
  return rows.map(({ before, after }) => {
    const row = before ?? after ?? {};
    const changed = values.filter(
      (column) => JSON.stringify(before?.[column]) !== JSON.stringify(after?.[column]),
    );
    return {
      tenantId: String(row[tenantColumn]),
      key: Object.fromEntries(
        key
          .filter((column) => column !== tenantColumn)
          .map((column) => [camelCase(column), unsealed(row[column])]),
      ),
      changes: Object.fromEntries(
        changed.map((column) => [camelCase(column), [unsealed(before?.[column]), unsealed(after?.[column])]]),
      ),
    };
  });
}

/** What of a value may be shown, however deep it stands. */
function unsealed(value: unknown): unknown {
  const text = JSON.stringify(value ?? null);
  return JSON.parse(text, (_, item: unknown) => (isSealed(item) ? '(sealed)' : item)) as unknown;
}

async function uncompared(
  querier: Querier,
  before: string,
  after: string,
  columns: RowDifference['columns'],
): Promise<RowDifference> {
  const { rows } = await querier.query<{ before: number; after: number }>(
    `select (select count(*) from ${before}) as before, (select count(*) from ${after}) as after`,
  );
  return {
    rows: rows[0] ?? { before: 0, after: 0 },
    added: 0,
    removed: 0,
    changed: 0,
    examples: { added: [], removed: [], changed: [] },
    columns,
    comparable: false,
  };
}
