import { randomUUID } from 'node:crypto';
import { confluentSchemaRegistry } from '@daybook/infra/registry/confluent.ts';
import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { registerContract } from './contract.ts';
import { schemaRegistryClauses } from './schema-registry.contract.ts';

describeWithEngines('confluent', ['registry'], (url) => {
  registerContract('schema registry', 'confluent', schemaRegistryClauses, () => {
    // The registry is one for all clauses: each has subjects of its own.
    const prefix = `${randomUUID()}.`;
    const another = (): SchemaRegistry => {
      const registry = confluentSchemaRegistry({ url });
      return {
        ...registry,
        register: (subject, schema) => registry.register(prefix + subject, schema),
        versions: (subject) => registry.versions(prefix + subject),
      };
    };
    return Promise.resolve({ port: { registry: another(), another }, close: () => Promise.resolve() });
  });
});
