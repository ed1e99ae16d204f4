import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { freshDatabase } from '../support/postgres.ts';
import { registerContract } from './contract.ts';
import { schemaRegistryClauses } from './schema-registry.contract.ts';

registerContract('schema registry', 'postgres', schemaRegistryClauses, async () => {
  const { database, drop } = await freshDatabase();
  const another = () => postgresSchemaRegistry(database);
  return { port: { registry: another(), another }, close: drop };
});
