/** Every contract suite there is: its clauses, the adapters that run it, and the broken adapters it must catch. */
import type { Broken, Clause } from './contract.ts';
import { brokenEventStores } from './event-store.broken.ts';
import { eventStoreClauses } from './event-store.contract.ts';
import { brokenMail } from './mail.broken.ts';
import { mailClauses } from './mail.contract.ts';
import { brokenSchemaRegistries } from './schema-registry.broken.ts';
import { schemaRegistryClauses } from './schema-registry.contract.ts';
import { brokenTimers } from './timers.broken.ts';
import { timersClauses } from './timers.contract.ts';
import { brokenTopics } from './topics.broken.ts';
import { topicsClauses } from './topics.contract.ts';
import { brokenVaults } from './vault.broken.ts';
import { vaultClauses } from './vault.contract.ts';

/** What a report says of a suite. */
export type Suite = Readonly<{
  port: string;
  clauses: readonly Pick<Clause<never>, 'name' | 'sentence'>[];
  /** The spec that runs all clauses against each adapter, in `test/contracts/`. */
  adapters: Readonly<Record<string, string>>;
  broken: readonly Pick<Broken<never>, 'name' | 'clause'>[];
}>;

export const suites: readonly Suite[] = [
  {
    port: 'event store',
    clauses: eventStoreClauses,
    adapters: {
      memory: 'event-store.contract.unit.spec.ts',
      postgres: 'event-store.postgres.int.spec.ts',
      'EventStoreDB (stand-in)': 'event-store.event-store-db.int.spec.ts',
    },
    broken: brokenEventStores,
  },
  {
    port: 'topics',
    clauses: topicsClauses,
    adapters: {
      memory: 'topics.contract.unit.spec.ts',
      postgres: 'topics.postgres.int.spec.ts',
      kafka: 'topics.kafka.engines.spec.ts',
    },
    broken: brokenTopics,
  },
  {
    port: 'timers',
    clauses: timersClauses,
    adapters: { postgres: 'timers.postgres.int.spec.ts' },
    broken: brokenTimers,
  },
  {
    port: 'schema registry',
    clauses: schemaRegistryClauses,
    adapters: {
      memory: 'schema-registry.contract.unit.spec.ts',
      postgres: 'schema-registry.postgres.int.spec.ts',
      confluent: 'schema-registry.confluent.engines.spec.ts',
    },
    broken: brokenSchemaRegistries,
  },
  {
    port: 'vault',
    clauses: vaultClauses,
    adapters: { memory: 'vault.contract.unit.spec.ts', postgres: 'vault.postgres.int.spec.ts' },
    broken: brokenVaults,
  },
  {
    port: 'mail',
    clauses: mailClauses,
    adapters: { memory: 'mail.unit.spec.ts', mailbox: 'mail.int.spec.ts', smtp: 'mail.int.spec.ts' },
    broken: brokenMail,
  },
];
