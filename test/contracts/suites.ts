/** Every contract suite there is: its clauses, the adapters that run it, and the broken adapters it must catch. */
import { engineVersions } from '../engines/versions.ts';
import type { Broken, Clause } from './contract.ts';
import { brokenEventStores } from './event-store.broken.ts';
import { eventStoreClauses } from './event-store.contract.ts';
import { clausesOfTransactions } from './event-store.subject.ts';
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

/** An adapter that runs a suite. */
export type Adapter = Readonly<{
  /** As its spec names it. */
  name: string;
  /** Heading of its column; absent: its name. */
  heading?: string;
  /** The spec that runs the clauses against it, in `test/contracts/`. */
  spec: string;
  /** What it runs on in the tests. */
  on: string;
  /** Clauses that mean nothing to it and are not run, and why. */
  without?: Readonly<{ clauses: readonly string[]; because: string }>;
}>;

/** What a report says of a suite. */
export type Suite = Readonly<{
  port: string;
  clauses: readonly Pick<Clause<never>, 'name' | 'sentence'>[];
  adapters: readonly Adapter[];
  broken: readonly Pick<Broken<never>, 'name' | 'clause'>[];
}>;

const memory = { name: 'memory', on: 'the memory of one process' };
const postgres = {
  name: 'postgres',
  heading: 'PostgreSQL',
  on: `PostgreSQL ${engineVersions.postgres}`,
};
const noTransactions = {
  clauses: clausesOfTransactions,
  because: 'it has no transactions that could stay open',
};

export const suites: readonly Suite[] = [
  {
    port: 'event store',
    clauses: eventStoreClauses,
    adapters: [
      { ...memory, spec: 'event-store.contract.unit.spec.ts', without: noTransactions },
      { ...postgres, spec: 'event-store.postgres.int.spec.ts' },
      {
        name: 'EventStoreDB (stand-in)',
        spec: 'event-store.event-store-db.int.spec.ts',
        on: 'the stand-in of `test/fakes/event-store-db/`, a server made from the client’s own service definitions. With `EVENTSTORE_URL` the same spec runs on the server that it names, and `npm run test:engines` on one in a container where there is Docker',
        without: noTransactions,
      },
    ],
    broken: brokenEventStores,
  },
  {
    port: 'topics',
    clauses: topicsClauses,
    adapters: [
      { ...memory, spec: 'topics.contract.unit.spec.ts', without: noTransactions },
      { ...postgres, spec: 'topics.postgres.int.spec.ts' },
      {
        name: 'kafka',
        heading: 'Kafka',
        spec: 'topics.kafka.engines.spec.ts',
        on: `Apache Kafka ${engineVersions.kafka}, one broker; what groups know of themselves in PostgreSQL ${engineVersions.postgres}`,
      },
    ],
    broken: brokenTopics,
  },
  {
    port: 'timers',
    clauses: timersClauses,
    adapters: [{ ...postgres, spec: 'timers.postgres.int.spec.ts' }],
    broken: brokenTimers,
  },
  {
    port: 'schema registry',
    clauses: schemaRegistryClauses,
    adapters: [
      { ...memory, spec: 'schema-registry.contract.unit.spec.ts' },
      { ...postgres, spec: 'schema-registry.postgres.int.spec.ts' },
      {
        name: 'confluent',
        heading: 'registry (Apicurio)',
        spec: 'schema-registry.confluent.engines.spec.ts',
        on: `Apicurio Registry ${engineVersions.apicurio}, by its Confluent-compatible API`,
      },
    ],
    broken: brokenSchemaRegistries,
  },
  {
    port: 'vault',
    clauses: vaultClauses,
    adapters: [
      { ...memory, spec: 'vault.contract.unit.spec.ts' },
      { ...postgres, spec: 'vault.postgres.int.spec.ts' },
    ],
    broken: brokenVaults,
  },
  {
    port: 'mail',
    clauses: mailClauses,
    adapters: [
      { ...memory, spec: 'mail.unit.spec.ts' },
      { name: 'mailbox', spec: 'mail.int.spec.ts', on: 'files of a folder' },
      {
        name: 'smtp',
        heading: 'SMTP',
        spec: 'mail.int.spec.ts',
        on: 'a server of the package `smtp-server`',
      },
    ],
    broken: brokenMail,
  },
];
