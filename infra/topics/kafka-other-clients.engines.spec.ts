import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type * as ConfluentRegistry from '@kafkajs/confluent-schema-registry';
import { CloudEvent, Kafka as KafkaBinding } from 'cloudevents';
import { Kafka, logLevel, type KafkaMessage } from 'kafkajs';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { goldenEvents } from '../registry/golden-events.fixture.ts';
import { makeMessageCodec } from '../registry/codec.ts';
import { confluentSchemaRegistry } from '../registry/confluent.ts';
import { kafkaTopicEngine } from './kafka-topics.ts';

/** Node finds this name of the package by `require` alone. */
const { SchemaRegistry } = createRequire(import.meta.url)(
  '@kafkajs/confluent-schema-registry',
) as typeof ConfluentRegistry;

const events = goldenEvents();

describeWithEngines(
  'messages on Kafka, for clients that are not ours',
  ['kafka', 'registry'],
  (brokers, url = '') => {
    const topic = `${randomUUID()}.daybook.events.v1`;
    let drop: () => Promise<void>;
    let messages: readonly KafkaMessage[];
    beforeAll(async () => {
      const fresh = await freshDatabase();
      ({ drop } = fresh);
      const settings = { brokers: brokers.split(',') };
      const engine = kafkaTopicEngine({ settings, name: 'spec', database: fresh.database, log: silentLog });
      await engine.ensure(topic, { partitions: 1 });
      const codec = makeMessageCodec({ registry: confluentSchemaRegistry({ url }) });
      await engine.publish(topic, await codec.encodeEvents(events));
      await engine.close();
      messages = await readBy(settings.brokers, topic, events.length);
    }, 60_000);
    afterAll(() => drop());

    test('a Confluent-compatible client reads each as its writer wrote it', async () => {
      const client = new SchemaRegistry({ host: url });
      const read: unknown[] = [];
      for (const { value } of messages) read.push(await client.decode(value ?? Buffer.alloc(0)));
      expect(read).toEqual(events.map(({ data }) => data));
    }, 60_000);

    test('each is a CloudEvent of the Kafka binding’s binary mode', () => {
      for (const [index, { key, value, headers = {} }] of messages.entries()) {
        const event = events[index];
        const texts = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)]));
        const seen = KafkaBinding.toEvent({
          ...{ key: String(key), value, body: value, headers: texts },
        });
        if (!(seen instanceof CloudEvent)) throw new Error('One message is one event.');
        // Strict: names of attributes and their values are as the specification has them.
        expect(seen.validate()).toBe(true);
        expect(seen).toMatchObject({
          specversion: '1.0',
          id: event?.id,
          type: event?.type,
          source: '/daybook/log',
          subject: event?.stream,
          time: event?.recordedAt,
          datacontenttype: 'application/avro',
          partitionkey: event?.metadata.tenantId,
          tenantid: event?.metadata.tenantId,
          correlationid: event?.metadata.correlationId,
        });
        const others = Object.keys(texts).filter((name) => !/^ce_[a-z0-9]{1,20}$/.test(name));
        expect(others).toEqual(['content-type']);
      }
    });
  },
);

/** So many messages of a topic's only partition, by a plain client. */
async function readBy(brokers: readonly string[], topic: string, count: number): Promise<KafkaMessage[]> {
  const consumer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).consumer({
    groupId: randomUUID(),
  });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    return await new Promise((done, fail) => {
      const read: KafkaMessage[] = [];
      const eachMessage = ({ message }: { message: KafkaMessage }): Promise<void> => {
        read.push(message);
        if (read.length === count) done(read);
        return Promise.resolve();
      };
      consumer.run({ eachMessage }).catch(fail);
    });
  } finally {
    await consumer.disconnect();
  }
}
