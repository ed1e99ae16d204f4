import { translateDatabaseError, type Database } from './database.ts';

/**
 * Most rows that one statement removes. Where one statement removed all of them, it would fail for good once they are too
 * many for the time that a statement has: each failure leaves more to the next.
 */
const portion = 5_000;

/**
 * Repeats a removal of `most` rows until it finds fewer, or `signal` aborts: what is left then goes next time. Answers
 * with how many went.
 */
export async function inPortions(
  remove: (most: number) => Promise<number>,
  signal?: AbortSignal,
): Promise<number> {
  let removed = 0;
  let count = portion;
  while (count >= portion && signal?.aborted !== true) {
    count = await remove(portion);
    removed += count;
  }
  return removed;
}

/** Rows of a table, by a condition whose parameters are `values`. */
export type RowsToRemove = Readonly<{ table: string; where: string; values?: readonly unknown[] }>;

/**
 * Removes rows in portions, each in a transaction of its own; answers with how many. What somebody else removes at that
 * moment is left to them, and what changed meanwhile so that the condition no longer holds stays.
 * @throws `unavailable` · `timeout`
 */
export async function removeRows(
  querier: Pick<Database['pool'], 'query'>,
  { table, where, values = [] }: RowsToRemove,
  signal?: AbortSignal,
): Promise<number> {
  const remove = async (most: number): Promise<number> => {
    const { rowCount } = await querier.query(
      `delete from ${table} where ctid = any(array(
         select ctid from ${table} where ${where} limit ${String(most)} for update skip locked))`,
      [...values],
    );
    return rowCount ?? 0;
  };
  try {
    return await inPortions(remove, signal);
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
