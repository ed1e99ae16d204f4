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
      const places = placesOf(
        await producer.send({ topic, acks: -1, timeout: ackTimeoutMs, messages }),
        records,
      );
      expectAll(records, places);
      return places;
    },
    close: () => producer.disconnect(),
  };
}

/**
 * The client repeats what one broker refused at the partition's leader of now, unless that one has answered for other
 * partitions already; and of a partition that the topic has not it sends nothing. Both times it says that all is stored.
 * @throws where a partition was not answered for
 */
function expectAll(records: readonly KafkaRecord[], places: readonly Stored[]): void {
  const answered = new Set(places.map(({ partition }) => partition));
  if (records.every(({ partition }) => answered.has(partition))) return;
  throw Object.assign(new Error('No broker answered for a partition.'), { type: 'PARTITION_UNANSWERED' });
}

function placesOf(answers: readonly RecordMetadata[], records: readonly KafkaRecord[]): readonly Stored[] {
  return answers.flatMap(({ partition, baseOffset }) => {
    if (baseOffset === undefined) return [];
    const first = Number(baseOffset);
    const count = records.filter((record) => record.partition === partition).length;
    return [{ partition, first, end: first + count }];
  });
}
