import type { Kafka, RecordMetadata } from 'kafkajs';

/** What is sent, its partition chosen. */
export type KafkaRecord = Readonly<{
  key: Buffer;
  value: Buffer;
  headers: Readonly<Record<string, string>>;
  partition: number;
}>;

/** Where records of one call stand in a partition: the offset of the first, and the one after the last. */
export type Stored = Readonly<{ partition: number; first: number; end: number }>;

/** Sends; idempotent, so that what the client repeats by itself is stored once. */
export type KafkaProducer = Readonly<{
  /**
   * Resolves once all replicas in sync have the records, in their order for each partition. After a failure of one
   * nothing behind it may be stored without it, and the producer is of no more use.
   * @throws what the client says
   */
  send(topic: string, records: readonly KafkaRecord[]): Promise<readonly Stored[]>;
  close(): Promise<void>;
}>;

/** The broker may take so long to have a request on all replicas, in milliseconds. */
export const ackTimeoutMs = 10_000;

/** A producer of kafkajs, connected. @throws what the client says */
export async function kafkajsProducer(kafka: Kafka): Promise<KafkaProducer> {
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    // The client asks for every message, also where the message names its partition.
    createPartitioner:
      () =>
      ({ message: { partition } }) => {
        if (partition === undefined) throw new Error('Every message names its partition.');
        return partition;
      },
  });
  await producer.connect();
  return {
    send: async (topic, records) => {
      const messages = records.map((record) => ({ ...record, headers: { ...record.headers } }));
      return placesOf(await producer.send({ topic, acks: -1, timeout: ackTimeoutMs, messages }), records);
    },
    close: () => producer.disconnect(),
  };
}

function placesOf(answers: readonly RecordMetadata[], records: readonly KafkaRecord[]): readonly Stored[] {
  return answers.flatMap(({ partition, baseOffset }) => {
    if (baseOffset === undefined) return [];
    const first = Number(baseOffset);
    const count = records.filter((record) => record.partition === partition).length;
    return [{ partition, first, end: first + count }];
  });
}
