import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Engine } from '@daybook/test/engines/engine.ts';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import { startKafka } from '@daybook/test/engines/kafka.ts';
import { ownCertificate } from '@daybook/test/support/certificate.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Database } from '../database/database.ts';
import { kafkaTopicEngine, kafkaClusterId } from './kafka-topics.ts';
import { kafkaSettings } from './open-topics.ts';

const user = { username: 'daybook', password: 'pa55word' };

describeWithEngines('Kafka over TLS with credentials', ['kafka'], () => {
  let broker: Engine;
  let ca: string;
  let database: Database;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    const tls = await ownCertificate();
    ca = tls.cert;
    [broker, { database, drop }] = await Promise.all([startKafka({ user, tls }), freshDatabase()]);
  }, 240_000);
  afterAll(() => Promise.all([broker.stop(), drop()]), 60_000);

  const settings = (given: Readonly<{ tls?: boolean; ca?: string }>): ReturnType<typeof kafkaSettings> =>
    kafkaSettings({
      brokers: [broker.url],
      driver: 'kafkajs',
      tls: given.tls ?? false,
      ca: given.ca,
      mechanism: 'plain',
      ...user,
    });

  test('a broker whose authority is given is worked with', async () => {
    const engine = kafkaTopicEngine({ settings: settings({ ca }), name: 'spec', database, log: silentLog });
    const topic = randomUUID();
    await engine.ensure(topic, { partitions: 1 });
    await engine.publish(topic, [{ key: 'a', value: Buffer.from('one'), headers: {} }]);
    expect(await engine.lag(topic, 'nobody')).toMatchObject([{ partition: 0, end: 1 }]);
    await engine.close();
  }, 60_000);

  test.each([
    ['the authorities of the system do not vouch for it', { tls: true }],
    ['nothing is encrypted', {}],
  ])(
    'it is not reached where %s',
    async (_, given) => {
      await expect(kafkaClusterId(settings(given), 'spec', silentLog)).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringMatching(/^Kafka cannot be reached/),
      });
    },
    60_000,
  );
});
