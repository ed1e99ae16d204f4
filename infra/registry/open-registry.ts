import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import { postgresSchemaRegistry } from './postgres.ts';

/** Of the configuration. */
export type RegistrySettings = Readonly<{ url?: string | undefined }>;

/** The registry that the configuration names, or the one in the database. */
export async function openRegistry(
  { url }: RegistrySettings,
  database: Pick<Database, 'pool' | 'transaction'>,
): Promise<SchemaRegistry> {
  if (url === undefined) return postgresSchemaRegistry(database);
  // Its client takes time and memory to load, which nobody else should pay.
  const { confluentSchemaRegistry } = await import('./confluent.ts');
  return confluentSchemaRegistry({ url });
}
