import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { sqlColumns, viewName } from '../runtime/sql-names.ts';

/**
 * The tenants that have a row of this key: for the installation's operator, who sees all of them.
 * @param most how many to name
 * @throws `unavailable` · `timeout`
 */
export async function tenantsOfRow(
  { pool }: Pick<Database, 'pool'>,
  projection: AnyProjection,
  key: Row,
  most: number,
): Promise<readonly string[]> {
  const columns = sqlColumns(projection).filter(({ isKey }) => isKey);
  const equal = columns.map(({ name, sqlType }, index) => `${name} = $${String(index + 1)}::${sqlType}`);
  try {
    const { rows } = await pool.query<{ tenant_id: string }>(
      `select tenant_id from ${viewName(projection.name)} where ${equal.join(' and ')} order by 1 limit ${String(most)}`,
      columns.map(({ property }) => key[property]),
    );
    return rows.map(({ tenant_id: tenantId }) => tenantId);
  } catch (error) {
    throw translateDatabaseError(error);
  }
}
