import { DaybookError } from '@daybook/kernel/errors.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { rethrowKafka } from './kafka-client.ts';
import type { KafkaProducer, KafkaRecord } from './kafka-producer.ts';
import { partitionOf } from './partitioner.ts';
import { makePublisher } from './publisher.ts';
import type { PublishingGuard } from './publishing-guard.ts';

/**
 * A request makes one batch a partition, and a broker takes batches of up to 1 MiB unless told otherwise
 * (https://kafka.apache.org/documentation/#topicconfigs_max.message.bytes). The rest is for headers and framing.
 */
const requestLimits = { maxMessages: 1_000, maxBytes: 900 * 1024 };

/** So much may wait for the broker in all; whoever publishes more waits for its turn. */
const mostBytesUnderWay = 64 * 1024 * 1024;

export type KafkaPublishing = Readonly<{
  /** Resolves once all replicas in sync have the messages; in order per key. */
  publish(topic: string, partitions: number, messages: readonly OutMessage[]): Promise<void>;
  close(): Promise<void>;
}>;

/**
 * Publishes by one producer at a time.
 * @param open connects one
 * @param guard asked before messages are sent, and told of each request that is stored, before it counts as published
 */
export function kafkaPublishing(
  open: () => Promise<KafkaProducer>,
  guard?: Pick<PublishingGuard, 'expectWhole' | 'stored'>,
): KafkaPublishing {
  const publishers = new Map<string, ReturnType<typeof makePublisher>>();
  let connected: Promise<KafkaProducer> | undefined;
  let bytesUnderWay = 0;
  let waiting: (() => void)[] = [];

  /**
   * After a failure its sequence may not fit what the broker has: the next request begins with a new one. One that another
   * topic's failure put in its place already stays.
   */
  async function renounce(former: Promise<KafkaProducer> | undefined): Promise<void> {
    if (connected === former) connected = undefined;
    const producer = await former?.catch(() => undefined);
    await producer?.close().catch(() => undefined);
  }

  async function write(topic: string, messages: readonly KafkaRecord[]): Promise<void> {
    await failpoint('topics.publishing');
    await guard?.expectWhole(topic);
    const used = (connected ??= open().then(closedOnce));
    try {
      const producer = await used;
      for (const some of requests(messages)) {
        const places = await producer.send(topic, some);
        await guard?.stored(topic, places);
      }
    } catch (error) {
      await renounce(used);
      rethrowKafka(error);
    }
    await failpoint('topics.published');
  }

  const publisherOf = (topic: string, partitions: number): ReturnType<typeof makePublisher> => {
    const known = publishers.get(topic);
    if (known !== undefined) return known;
    const publisher = makePublisher(
      (messages) =>
        write(
          topic,
          messages.map((message) => recordOf(message, partitions)),
        ),
      requestLimits,
    );
    publishers.set(topic, publisher);
    return publisher;
  };

  return {
    publish: async (topic, partitions, messages) => {
      if (messages.some(({ key }) => key.includes('\0'))) {
        throw new DaybookError('schema-incompatible', 'The key of a message holds a NUL character.');
      }
      while (bytesUnderWay > mostBytesUnderWay) {
        await new Promise<void>((next) => {
          waiting.push(next);
        });
      }
      const bytes = messages.reduce((sum, { value }) => sum + value.length, 0);
      bytesUnderWay += bytes;
      try {
        await publisherOf(topic, partitions).publish(messages);
      } finally {
        bytesUnderWay -= bytes;
        const resumed = waiting;
        waiting = [];
        for (const next of resumed) next();
      }
    },
    close: async () => {
      await Promise.all([...publishers.values()].map((publisher) => publisher.settled()));
      await renounce(connected);
    },
  };
}

/** Each topic whose request failed gives the producer up: librdkafka never answers a second goodbye. */
function closedOnce(producer: KafkaProducer): KafkaProducer {
  let closing: Promise<void> | undefined;
  return { ...producer, close: () => (closing ??= producer.close()) };
}

function recordOf({ key, value, headers }: OutMessage, partitions: number): KafkaRecord {
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers,
    partition: partitionOf(key, partitions),
  };
}

/** Messages in their order, cut so that each request stays within what a broker takes; a larger message goes alone. */
function requests(messages: readonly KafkaRecord[]): readonly KafkaRecord[][] {
  const cut: KafkaRecord[][] = [];
  let bytes = Infinity;
  for (const message of messages) {
    const own = bytesOf(message);
    const last = cut.at(-1);
    if (last === undefined || bytes + own > requestLimits.maxBytes) {
      cut.push([message]);
      bytes = own;
    } else {
      last.push(message);
      bytes += own;
    }
  }
  return cut;
}

function bytesOf({ key, value, headers }: KafkaRecord): number {
  const ofHeaders = Object.entries(headers).reduce(
    (sum, [name, text]) => sum + name.length + text.length + 4,
    0,
  );
  return key.length + value.length + ofHeaders + 16;
}
