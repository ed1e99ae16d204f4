/**
 * librdkafka in Node: loaded where it was installed on demand, and what of it is used here. The API is that of
 * node-rdkafka, which Confluent's client brings beside its own.
 * https://github.com/confluentinc/confluent-kafka-javascript
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { KafkaSettings } from './kafka-client.ts';

/** A failure as librdkafka tells it; negative codes are its own, the others the protocol's. */
export type RdkafkaError = Error & Readonly<{ code: number; isFatal?: boolean }>;

export type RdkafkaSettings = Readonly<Record<string, string | number | boolean>>;

type RdkafkaClient = Readonly<{
  connect(options: { timeout: number }, done: (error?: RdkafkaError | null) => void): void;
  on(event: 'event.error', call: (error: RdkafkaError) => void): void;
}>;

/** Its headers: one object for each, of one property. */
export type RdkafkaHeaders = readonly Readonly<Record<string, Uint8Array | string>>[];

export type RdkafkaProducer = RdkafkaClient &
  Readonly<{
    /** Puts a message into the client's queue. @throws RdkafkaError where that is full */
    produce(
      topic: string,
      partition: number,
      value: Buffer,
      key: Buffer,
      timestamp: undefined,
      opaque: unknown,
      headers: RdkafkaHeaders,
    ): void;
    on(
      event: 'delivery-report',
      call: (
        error: RdkafkaError | null,
        report: { opaque: unknown; partition: number; offset: number },
      ) => void,
    ): void;
    setPollInBackground(on: boolean): void;
    /** Waits for what is queued, so many milliseconds at most. */
    disconnect(flushMs: number, done: () => void): void;
  }>;

/** The native client. */
export type Rdkafka = Readonly<{
  Producer: new (settings: RdkafkaSettings, topic: RdkafkaSettings) => RdkafkaProducer;
}>;

/** A package of its own, outside the workspaces: `npm run kafka:native` installs it. */
export const nativeFolder = join(import.meta.dirname, 'native');

const packageName = '@confluentinc/kafka-javascript';
const command = 'npm run kafka:native';

/** @throws `configuration-invalid` where it is not installed, or not for this machine */
export function loadRdkafka(folder: string = nativeFolder): Rdkafka {
  try {
    return createRequire(join(folder, 'package.json'))(packageName) as Rdkafka;
  } catch (cause) {
    const absent = (cause as { code?: string }).code === 'MODULE_NOT_FOUND';
    const says = absent ? 'is not installed' : 'does not load with this Node on this machine';
    throw new DaybookError(
      'configuration-invalid',
      `KAFKA_DRIVER is rdkafka, whose native client ${says}. Run "${command}", or leave KAFKA_DRIVER out.`,
      { cause },
    );
  }
}

/** Settings of every client. https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md */
export function rdkafkaSettings({ brokers, tls, sasl }: KafkaSettings, name: string): RdkafkaSettings {
  const protocol = `${sasl === undefined ? '' : 'sasl_'}${tls === undefined ? 'plaintext' : 'ssl'}`;
  return {
    'client.id': name,
    'bootstrap.servers': brokers.join(','),
    'security.protocol': protocol,
    ...(tls?.ca === undefined ? {} : { 'ssl.ca.pem': tls.ca }),
    ...(sasl === undefined
      ? {}
      : {
          'sasl.mechanisms': sasl.mechanism.toUpperCase(),
          'sasl.username': sasl.username,
          'sasl.password': sasl.password,
        }),
    'allow.auto.create.topics': false,
    'socket.connection.setup.timeout.ms': 3_000,
    'reconnect.backoff.max.ms': 1_000,
  };
}

/** What the protocol calls those failures that others than this client look at. https://kafka.apache.org/protocol#protocol_error_codes */
const types = new Map([
  [3, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [10, 'MESSAGE_TOO_LARGE'],
  [18, 'RECORD_LIST_TOO_LARGE'],
  [58, 'SASL_AUTHENTICATION_FAILED'],
  [87, 'INVALID_RECORD'],
  [-188, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [-190, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [-169, 'SASL_AUTHENTICATION_FAILED'],
]);

/** A failure under the name that the protocol has for it, as `translateKafkaError` reads it. */
export function namedError(error: RdkafkaError): Error & { type: string } {
  const type = types.get(error.code) ?? `RDKAFKA_${String(error.code)}`;
  return Object.assign(new Error(error.message, { cause: error }), { type });
}

/** The connection answers within this, in milliseconds. */
const connectTimeoutMs = 5_000;

/** Connects; a client that failed to closes by itself. @throws what `namedError` makes of the failure: refused credentials before the silence that follows them */
export function connected(client: RdkafkaClient): Promise<void> {
  return new Promise((done, fail) => {
    let refusal: RdkafkaError | undefined;
    client.on('event.error', (error) => {
      if (types.has(error.code)) refusal ??= error;
    });
    client.connect({ timeout: connectTimeoutMs }, (error) => {
      if (error === null || error === undefined) done();
      else fail(namedError(refusal ?? error));
    });
  });
}
