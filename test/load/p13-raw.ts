/**
 * The anchor of p13, in a process of its own, since the adapter changes the client that both load: what the relay sends,
 * encoded beforehand, by kafkajs alone. Arguments: the database's URL, the registry's, the broker. Sends each topic that
 * it is told the log, and answers with the milliseconds that took.
 */
import { openDatabase } from '@daybook/infra/database/database.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { confluentSchemaRegistry } from '@daybook/infra/registry/confluent.ts';
import { Kafka, logLevel, Partitioners, type Message } from 'kafkajs';
import { silentLog } from '../support/silent-log.ts';
import { openLog } from './relay-race.ts';

const [url = '', registryUrl = '', broker = ''] = process.argv.slice(2);
/** As the relay has them. KEEP IN SYNC: infra/relay/relay.ts */
const pageSize = 500;

const batches: Message[][] = [];
const database = openDatabase({ url, log: silentLog });
const store = openLog(database);
const codec = makeMessageCodec({ registry: confluentSchemaRegistry({ url: registryUrl }) });
for await (const page of store.readAll({ pageSize })) {
  const messages = await codec.encodeEvents(page);
  batches.push(messages.map(({ key, value, headers }) => ({ key, value: Buffer.from(value), headers })));
}
await store.close();
await database.close();

const producer = new Kafka({ clientId: 'raw', brokers: [broker], logLevel: logLevel.NOTHING }).producer({
  idempotent: true,
  maxInFlightRequests: 1,
  allowAutoTopicCreation: false,
  createPartitioner: Partitioners.DefaultPartitioner,
});
await producer.connect();

async function send(topic: string): Promise<number> {
  const began = performance.now();
  for (const messages of batches) await producer.send({ topic, acks: -1, messages });
  return performance.now() - began;
}

process.on('message', (topic: string | null) => {
  if (topic === null)
    void producer.disconnect().then(() => {
      process.disconnect();
    });
  else void send(topic).then((tookMs) => process.send?.(tookMs));
});
process.send?.('ready');
