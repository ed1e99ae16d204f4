import { memorySchemaRegistry } from '@daybook/infra/registry/memory.ts';
import { registerBroken, registerContract } from './contract.ts';
import { brokenSchemaRegistries } from './schema-registry.broken.ts';
import { schemaRegistryClauses } from './schema-registry.contract.ts';

registerContract('schema registry', 'memory', schemaRegistryClauses, () => {
  const registry = memorySchemaRegistry();
  return Promise.resolve({ port: { registry, another: () => registry }, close: () => Promise.resolve() });
});
registerBroken('schema registry', schemaRegistryClauses, brokenSchemaRegistries);
