import { postgresSchemaRegistry } from '@daybook/infra/registry/postgres.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';

import { schemaRegistryContract } from './schema-registry.contract.ts';

schemaRegistryContract('postgres', async () => {
  const { database, drop } = await freshDatabase();
  const another = () => postgresSchemaRegistry(database);
  return { port: { registry: another(), another }, close: drop };
});
