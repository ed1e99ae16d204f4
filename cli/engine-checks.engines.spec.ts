import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { noteFollowedLog } from '@daybook/infra/event-store/followed-log.ts';
import { registryClient } from '@daybook/infra/registry/registry-client.ts';
import { subjectOf } from '@daybook/infra/registry/schema-ids.ts';
import { kafkaClient } from '@daybook/infra/topics/kafka-client.ts';
import { expectTopicsAt } from '@daybook/infra/topics/topics-home.ts';
import { beginning } from '@daybook/kernel/event.ts';
import { contractFor } from '@daybook/schemas/contracts.ts';
import { eventsTopic, scrapeRequestsTopic } from '@daybook/schemas/topics.ts';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import type { Engine } from '@daybook/test/engines/engine.ts';
import { startKafka } from '@daybook/test/engines/kafka.ts';
import { startRegistry } from '@daybook/test/engines/registry.ts';
import { startStandIn } from '@daybook/test/fakes/event-store-db/server.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { startDaybook } from '@daybook/test/support/processes.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { checkEngines } from './engine-checks.ts';
import { engineConfig } from './start-checks.ts';

const user = { username: 'ada', password: 'lovelace' };

// Engines of its own: what does not fit is put into them.
describeWithEngines('engines that are there and do not fit', ['kafka', 'registry'], () => {
  let kafka: Engine;
  let registry: Engine;
  let env: Readonly<Record<string, string>>;
  let fresh: Awaited<ReturnType<typeof freshDatabase>>;

  beforeAll(async () => {
    [kafka, registry] = await Promise.all([startKafka({ user }), startRegistry()]);
    env = {
      KAFKA_BROKERS: kafka.url,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_USERNAME: user.username,
      KAFKA_PASSWORD: user.password,
      SCHEMA_REGISTRY_URL: registry.url.replace('http://', 'http://ada:lovelace@'),
    };
  }, 240_000);
  afterAll(async () => {
    await Promise.all([kafka.stop(), registry.stop()]);
  }, 30_000);
  beforeEach(async () => {
    fresh = await freshDatabase();
  });
  afterEach(() => fresh.drop());

  /** What is found, each thing on a line: about what, whether it is well, what it says. */
  async function found(more: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
    const config = engineConfig({ ...env, ...more });
    const findings = await checkEngines({ config, databaseUrl: fresh.url, log: silentLog });
    expect(JSON.stringify(findings)).not.toContain('lovelace');
    return findings.map(({ about, verdict, says, todo }) => [about, verdict, says, todo].join(' | '));
  }

  async function makeTopics(partitions: Readonly<Record<string, number>>): Promise<void> {
    const sasl = { mechanism: 'plain' as const, ...user };
    const admin = kafkaClient({ brokers: [kafka.url], sasl }, 'spec', silentLog).admin();
    await admin.connect();
    const topics = Object.entries(partitions).map(([topic, numPartitions]) => ({ topic, numPartitions }));
    await admin.createTopics({ topics });
    await admin.disconnect();
  }

  /** Registers a schema under the name of one of ours that ours cannot read. */
  async function misuse(type: string): Promise<string> {
    const contract = contractFor(type);
    const at = contract.fullName.lastIndexOf('.');
    const schema = {
      type: 'record',
      name: contract.fullName.slice(at + 1),
      namespace: contract.fullName.slice(0, at),
      fields: [{ name: 'somethingElse', type: 'string' }],
    };
    const subject = subjectOf(contract);
    const body = { schema: JSON.stringify(schema) };
    await registryClient(registry.url).call((api) => api.Subject.register({ subject, body }));
    return subject;
  }

  test('new ones are well; another password is refused', async () => {
    expect(await found()).toEqual([
      expect.stringMatching(/^Log \| well \| in the database/),
      expect.stringMatching(/^Schema registry \| well \| answers/),
      expect.stringMatching(/^Topics \| well \| Kafka, cluster \S+/),
    ]);
    expect((await found({ KAFKA_PASSWORD: 'lovelace no more' })).at(-1)).toMatch(
      /^Topics \| wrong \| Kafka refuses the credentials\..* \| .*KAFKA_BROKERS and what goes with it/,
    );
  }, 60_000);

  test('a start lists topics, subjects, cluster and log that do not fit at once; the doctor says the same', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'daybook-engines-'));
    const store = await startStandIn();
    await makeTopics({
      [eventsTopic]: 3,
      [scrapeRequestsTopic]: 8,
      [`${scrapeRequestsTopic}.dead-letters`]: 12,
    });
    const subject = await misuse('PriceObserved');
    await expectTopicsAt('another-cluster', fresh.database);
    await noteFollowedLog(fresh.database.pool, {
      log: randomUUID(),
      epoch: '1.a',
      position: beginning,
      eventId: null,
    });
    const all = {
      ...env,
      EVENTSTORE_URL: store.url,
      DATABASE_URL: fresh.url,
      DAYBOOK_DATA: join(folder, 'data'),
    };
    const texts: string[] = [];
    for (const args of [
      ['up', '--port', '0'],
      ['run', 'command-service', '--port', '0'],
      ['doctor', '--port', '0'],
    ]) {
      const one = startDaybook(args, all);
      expect(await one.ended).toBe(args[0] === 'doctor' ? 1 : 3);
      expect(one.output()).not.toMatch(/lovelace|^ +at /m);
      texts.push(one.output());
    }
    expect(texts[0]).toMatch(/^Daybook does not start: 5 things are to be mended first\.$/m);
    for (const text of texts) {
      for (const line of [
        /consumers of another log than the one it is given/,
        /→ Name the log that belongs to it by EVENTSTORE_URL/,
        /It holds schemas that ours cannot read, under our names:/,
        /→ Name a registry of this installation by SCHEMA_REGISTRY_URL/,
        /The topics of this database are in the Kafka cluster another-cluster/,
        /→ Name the cluster that belongs to it/,
        /daybook\.events\.v1 has 3 partitions, and 8 are agreed\./,
        /daybook\.scrape-requests\.v1\.dead-letters has 12 partitions, and 8 are agreed\./,
        /→ Delete it if nobody needs what is in it/,
      ]) {
        expect(text).toMatch(line);
      }
      expect(text).toContain(`${subject}: version 1 there: `);
      expect(text).not.toMatch(/scrape-requests\.v1 has/);
    }
    await store.stop();
    await rm(folder, { recursive: true, force: true });
  }, 120_000);
});
