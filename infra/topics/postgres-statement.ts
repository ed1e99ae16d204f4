import { translateDatabaseError, type Database } from '../database/database.ts';

/** A statement prepared once a connection. */
export type Statement = Readonly<{ name: string; text: string; values: readonly unknown[] }>;

/**
 * Rows as arrays.
 * @param stage `commit` where it matters that a statement whose answer was lost may have been carried out
 * @throws what `translateDatabaseError` makes of a failure
 */
export async function ask<Row extends readonly unknown[]>(
  database: Database,
  { name, text, values }: Statement,
  stage?: 'commit',
): Promise<readonly Row[]> {
  try {
    const { rows } = await database.pool.query<unknown[]>({
      name,
      text,
      values: [...values],
      rowMode: 'array',
    });
    return rows as unknown as readonly Row[];
  } catch (error) {
    throw translateDatabaseError(error, stage);
  }
}
