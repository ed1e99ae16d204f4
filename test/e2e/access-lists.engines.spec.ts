/** The access lists that a deployment gives Daybook's users at the brokers: enough for all five services, and no more. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openShop, type RunningShop } from '@daybook/cli/demo/shop/shop.ts';
import { kafkaClient, topicResource } from '@daybook/infra/topics/kafka-client.ts';
import { topicContracts } from '@daybook/schemas/topics.ts';
import kafkajs, { type AclEntry, type Kafka } from 'kafkajs';
import { describeWithEngines } from '../engines/engine-suite.ts';
import type { Engine } from '../engines/engine.ts';
import { startKafka, type KafkaUser } from '../engines/kafka.ts';
import { callerOf, must, signUp, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { silentLog } from '../support/silent-log.ts';
import { root } from '../support/source-files.ts';
import { startSystem, type System } from '../support/system.ts';

const operator = { username: 'operator', password: 'operators-password' };
const services = ['command-service', 'query-service', 'projectors', 'sagas', 'scrapers'];
const users = services.map((username) => ({ username, password: `password-of-${username}` }));

/** What the script asks Kafka's tool for, as entries. */
async function entriesOf(folder: string): Promise<readonly AclEntry[]> {
  const [tool, asked] = [join(folder, 'kafka-acls.sh'), join(folder, 'asked')];
  await writeFile(tool, `#!/bin/sh\nprintf '%s\\n' "$*" >> "${asked}"\n`, { mode: 0o755 });
  execFileSync('sh', [join(root, 'infra/deploy/kafka/access-lists.sh')], {
    env: { ...process.env, KAFKA_ACLS: tool, BOOTSTRAP: 'broker:9093', ADMIN: 'admin.properties' },
  });
  const calls = (await readFile(asked, 'utf8')).trim().split('\n');
  return calls.flatMap((call) => {
    const form =
      /^--bootstrap-server broker:9093 --command-config admin\.properties --add --allow-principal (\S+) --(topic|group) (\S+) --resource-pattern-type (literal|prefixed)((?: --operation \w+)+)$/;
    const [, principal = '', resource = '', resourceName = '', pattern = '', operations = ''] =
      form.exec(call) ?? [];
    expect([call, principal]).toEqual([call, expect.stringMatching(/^User:/)]);
    return [...operations.matchAll(/--operation (\w+)/g)].map(([, operation = '']) => ({
      principal,
      resourceName,
      host: '*',
      resourceType: kafkajs.AclResourceTypes[resource === 'topic' ? 'TOPIC' : 'GROUP'],
      resourcePatternType: kafkajs.ResourcePatternTypes[pattern === 'literal' ? 'LITERAL' : 'PREFIXED'],
      operation: kafkajs.AclOperationTypes[operationNames[operation] ?? 'UNKNOWN'],
      permissionType: kafkajs.AclPermissionTypes.ALLOW,
    }));
  });
}

const operationNames: Readonly<Record<string, keyof typeof kafkajs.AclOperationTypes>> = {
  Create: 'CREATE',
  Describe: 'DESCRIBE',
  DescribeConfigs: 'DESCRIBE_CONFIGS',
  AlterConfigs: 'ALTER_CONFIGS',
  Read: 'READ',
  Write: 'WRITE',
};

describeWithEngines('access lists of a deployment', ['kafka', 'registry'], (_, registry = '') => {
  let kafka: Engine;
  let shop: RunningShop;
  let system: System;
  let folder: string;
  let person: Person;

  const clientOf = (user: KafkaUser): Kafka => {
    const settings = { brokers: [kafka.url], sasl: { mechanism: 'plain' as const, ...user } };
    return kafkaClient(settings, user.username, silentLog);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daybook-access-'));
    [kafka, shop] = await Promise.all([
      startKafka({ user: operator, guests: users }),
      openShop({ seed: 7, stepMs: 1_000, leavesAfterMs: 1_000_000, slowMs: 50, elapsedMs: () => 0 }),
    ]);
    const admin = clientOf(operator).admin();
    await admin.connect();
    await admin.createAcls({ acl: [...(await entriesOf(folder))] });
    await admin.disconnect();
    system = await startSystem({
      mode: 'five processes',
      env: {
        OUTBOUND_ALLOW_HOSTS: shop.host,
        KAFKA_BROKERS: kafka.url,
        KAFKA_SASL_MECHANISM: 'plain',
        SCHEMA_REGISTRY_URL: registry,
      },
      envOf: Object.fromEntries(
        users.map(({ username, password }) => [
          username,
          { KAFKA_USERNAME: username, KAFKA_PASSWORD: password },
        ]),
      ),
    });
    person = await signUp(callerOf(system.addresses));
  }, 240_000);

  afterAll(async () => {
    await system.discard();
    await Promise.all([shop.close(), kafka.stop(), rm(folder, { recursive: true, force: true })]);
  }, 60_000);

  test('all services work with them: a page is tracked, asked for, fetched, seen and shown', async () => {
    const { url } = shop.listing('aurora-desk-lamp');
    const { productId } = must(await person.call('POST', '/v1/market/products', { body: { url } }), 201) as {
      productId: string;
    };
    await eventually(
      async () => {
        expect(must(await person.call('GET', `/v1/market/products/${productId}`), 200)).toMatchObject({
          lastOutcome: 'price',
        });
      },
      { withinMs: 60_000 },
    );
  }, 90_000);

  test('topics have the retention that is agreed, which the command service set', async () => {
    const admin = clientOf(operator).admin();
    await admin.connect();
    for (const { name, retentionMs } of topicContracts) {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: topicResource, name, configNames: ['retention.ms'] }],
      });
      const [entry] = resources[0]?.configEntries ?? [];
      expect([name, entry?.configValue]).toEqual([name, String(retentionMs ?? -1)]);
    }
    await admin.disconnect();
  }, 30_000);

  const apart = users.filter(({ username }) => username !== 'command-service');

  test.each(apart)(
    '$username cannot write to the topic of events, create a topic, or have one forget',
    async (user) => {
      const [producer, admin] = [clientOf(user).producer(), clientOf(user).admin()];
      await Promise.all([producer.connect(), admin.connect()]);
      const refused = { type: 'TOPIC_AUTHORIZATION_FAILED' };
      await expect(
        producer.send({ topic: 'daybook.events.v1', messages: [{ key: 'tenant', value: 'foreign' }] }),
      ).rejects.toMatchObject(refused);
      await expect(
        admin.alterConfigs({
          validateOnly: true,
          resources: [
            {
              type: topicResource,
              name: 'daybook.events.v1',
              configEntries: [{ name: 'retention.ms', value: '1' }],
            },
          ],
        }),
      ).rejects.toMatchObject(refused);
      await expect(
        admin.createTopics({ topics: [{ topic: 'daybook.events.v2', numPartitions: 1 }] }),
      ).rejects.toMatchObject({ errors: [expect.objectContaining(refused)] });
      await Promise.all([producer.disconnect(), admin.disconnect()]);
    },
    30_000,
  );

  /** Whether a user becomes a member of a group. Of one who may not be, the client finds no coordinator. */
  async function joins(username: string, groupId: string): Promise<boolean> {
    const user = users.find((one) => one.username === username) ?? operator;
    const retry = { retries: 0, restartOnFailure: () => Promise.resolve(false) };
    const consumer = clientOf(user).consumer({ groupId, retry });
    const outcome = new Promise<unknown>((answer) => {
      consumer.on(consumer.events.GROUP_JOIN, () => {
        answer(true);
      });
      consumer.on(consumer.events.CRASH, ({ payload: { error } }) => {
        answer(error);
      });
    });
    await consumer.connect();
    await consumer.subscribe({ topic: readBy[username] ?? 'daybook.events.v1' });
    void consumer.run({ eachMessage: () => Promise.resolve() });
    const joined = await outcome;
    if (joined !== true) expect(joined).toMatchObject({ name: 'KafkaJSGroupCoordinatorNotFound' });
    await consumer.disconnect();
    return joined === true;
  }

  const readBy: Readonly<Record<string, string>> = { scrapers: 'daybook.scrape-requests.v1' };
  const readers = ['projectors', 'sagas', 'scrapers'];

  test.each(users)(
    '$username reads in groups of its own, where it reads at all',
    async ({ username }) => {
      for (const owner of new Set([...readers, username]))
        expect([owner, await joins(username, `daybook.${owner}.any`)]).toEqual([
          owner,
          owner === username && readers.includes(username),
        ]);
      expect(await joins(username, 'acme')).toBe(false);
    },
    60_000,
  );
});
