import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { KafkaSettings } from './kafka-client.ts';
import { ackTimeoutMs, type KafkaProducer, type KafkaRecord, type Stored } from './kafka-producer.ts';
import { connected, loadRdkafka, namedError, rdkafkaSettings, type RdkafkaError } from './rdkafka-client.ts';

/** Larger than what a topic takes, so that the broker is who refuses. */
const largestMessageBytes = 32 * 1024 * 1024;

/** What a sender counts down to: the reports of one call. */
type Tally = { left: number; places: Map<number, Stored>; done: () => void; fail: (error: Error) => void };

/**
 * A producer of librdkafka, whose threads encode and wait; connected. A message never times out in the client's queue,
 * since the one behind it could pass it then: the whole call does, and the producer is given up with all that is queued.
 * What it still delivers comes in its order, before or after the same from its successor.
 * @throws `configuration-invalid` where it is not installed · what the client says
 */
export async function rdkafkaProducer(
  settings: KafkaSettings,
  name: string,
  log: Log,
): Promise<KafkaProducer> {
  const { Producer } = loadRdkafka();
  const producer = new Producer(
    {
      ...rdkafkaSettings(settings, name),
      'enable.idempotence': true,
      // A failed batch stops the producer, where the batches behind it would be sent without it.
      'enable.gapless.guarantee': true,
      'message.timeout.ms': 0,
      'message.max.bytes': largestMessageBytes,
      'linger.ms': lingerMs,
      'topic.metadata.propagation.max.ms': unheardOfMs,
      dr_cb: true,
    },
    { acks: -1, 'request.timeout.ms': ackTimeoutMs },
  );
  producer.on('event.error', (error) => {
    log.debug('The client of Kafka says something.', { reason: error.message });
  });
  producer.on('delivery-report', (error, { opaque, partition, offset }) => {
    const tally = opaque as Tally;
    if (error !== null) {
      tally.fail(namedError(error));
      return;
    }
    // Of what a broker had already it may not say where.
    if (offset >= 0) {
      const { first = offset, end = 0 } = tally.places.get(partition) ?? {};
      tally.places.set(partition, {
        partition,
        first: Math.min(first, offset),
        end: Math.max(end, offset + 1),
      });
    }
    if ((tally.left -= 1) === 0) tally.done();
  });
  await connected(producer);
  const underWay = new Set<Tally>();
  producer.setPollInBackground(true);
  const put = (topic: string, { partition, value, key, headers }: KafkaRecord, tally: Tally): void => {
    const list = Object.entries(headers).map(([name, text]) => ({ [name]: text }));
    producer.produce(topic, partition, value, key, undefined, tally, list);
  };
  return {
    send: (topic, records) =>
      new Promise((resolve, reject) => {
        const settle = (): void => {
          clearTimeout(late);
          underWay.delete(tally);
        };
        const tally: Tally = {
          left: records.length,
          places: new Map(),
          done: () => {
            settle();
            resolve([...tally.places.values()]);
          },
          fail: (error) => {
            settle();
            reject(error);
          },
        };
        const late = setTimeout(() => {
          tally.fail(unanswered());
        }, ackTimeoutMs);
        underWay.add(tally);
        try {
          for (const record of records) put(topic, record, tally);
        } catch (error) {
          tally.fail(namedError(error as RdkafkaError));
        }
      }),
    close: () =>
      new Promise((done) => {
        // Their reports will not come.
        for (const tally of underWay) tally.fail(unanswered());
        producer.disconnect(flushMs, done);
      }),
  };
}

const unanswered = (): Error =>
  Object.assign(new Error('The broker does not acknowledge.'), { type: 'REQUEST_TIMED_OUT' });

/**
 * A topic that brokers do not know is taken for one that they have not heard of yet for so long, in milliseconds: less than
 * a call waits, which then says that it is gone.
 */
const unheardOfMs = ackTimeoutMs / 2;

/** A call's messages are queued within this, in milliseconds, so that they travel in one request. */
const lingerMs = 2;

/** At a close everything is acknowledged, or given up. */
const flushMs = 1;
