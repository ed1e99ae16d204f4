import { createRequire } from 'node:module';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { Kafka, logLevel, type KafkaConfig } from 'kafkajs';
import type * as Kafkajs from 'kafkajs';

/** Of the configuration. */
export type KafkaSettings = Readonly<{
  /** `host:port` of some brokers of the cluster. */
  brokers: readonly string[];
  /** What sends messages; all else is kafkajs's with either. Default `kafkajs`. */
  driver?: 'kafkajs' | 'rdkafka';
  /** TLS with the system's authorities, or with `ca` (PEM). Absent: none. */
  tls?: Readonly<{ ca?: string }>;
  sasl?: Readonly<{
    mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    username: string;
    password: string;
  }>;
}>;

/** Failures of the client are told within some seconds: those who call repeat at their own pace. */
const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 };
const connectionTimeout = 3_000;
const requestTimeout = 10_000;

/** A connection to a cluster; nothing is sent before its producers, consumers and admins are connected. */
export function kafkaClient(settings: KafkaSettings, name: string, log: Log): Kafka {
  restTimers();
  const { brokers, tls, sasl } = settings;
  return new Kafka({
    clientId: name,
    brokers: [...brokers],
    retry,
    connectionTimeout,
    requestTimeout,
    ...(tls === undefined ? {} : { ssl: tls.ca === undefined ? true : { ca: [tls.ca] } }),
    // A copy: the client keeps what it authenticates with in the object that it is given.
    ...(sasl === undefined ? {} : { sasl: { ...sasl } as NonNullable<KafkaConfig['sasl']> }),
    logLevel: logLevel.INFO,
    // It calls ordinary answers errors, such as a coordinator that is loading. What matters is thrown.
    logCreator:
      () =>
      ({ namespace, log: { message, error } }) => {
        log.debug('The client of Kafka says something.', { namespace, says: message, reason: String(error) });
      },
  });
}

/** Errors of kafkajs that waiting does not help, by their type in the protocol. */
const hopeless = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD']);

/** What the port says of a failure of the client. Its own text stays in the cause. */
export function translateKafkaError(error: unknown): DaybookError {
  if (isDaybookError(error)) return error;
  const { name = 'unknown', type = name } = error as { name?: string; type?: string };
  const retries = hopeless.has(type) ? 'never' : 'later';
  return new DaybookError('unavailable', saysOf(type), {
    retry: retries,
    fields: { engine: 'kafka', reason: type },
    cause: error,
  });
}

/** Whether brokers have no such topic. */
export const isTopicGone = (error: unknown): boolean => isOfType('UNKNOWN_TOPIC_OR_PARTITION', error);

/** Whether the user may not do it to one of the topics that it was asked for. */
export const isRefused = (error: unknown): boolean => isOfType('TOPIC_AUTHORIZATION_FAILED', error);

/** Whether a partition is led by another broker than the client knows, or by none for the moment. */
export const isLeaderElsewhere = (error: unknown): boolean =>
  ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE'].some((type) => isOfType(type, error));

/** Whether the coordinator of a group was given its part of the groups just now. */
export const isGroupLoading = (error: unknown): boolean => isOfType('GROUP_LOAD_IN_PROGRESS', error);

/** Where the client has tried often enough it says so by the cause alone, and of several topics by one error each. */
function isOfType(wanted: string, error: unknown): boolean {
  const { type, cause, errors = [] } = error as { type?: string; cause?: unknown; errors?: unknown[] };
  return type === wanted || [cause, ...errors].some((one) => one instanceof Error && isOfType(wanted, one));
}

function saysOf(type: string): string {
  if (hopeless.has(type)) return 'Kafka refuses a message.';
  return /SASL|AUTH/i.test(type)
    ? 'Kafka refuses the credentials.'
    : 'Kafka cannot be reached or refuses work for now.';
}

/** For the end of a promise. @throws what `translateKafkaError` makes of a failure */
export function rethrowKafka(error: unknown): never {
  throw translateKafkaError(error);
}

const require = createRequire(import.meta.url);

/** What configurations of topics are asked by. Node finds this name of the package by `require` alone. */
export const topicResource = (require('kafkajs') as typeof Kafkajs).ConfigResourceTypes.TOPIC;

type RequestQueue = {
  pending: readonly unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
};

/** How often a queue that is full looks whether it may send, in milliseconds. */
const lookEveryMs = 10;

/**
 * A connection of kafkajs 2.2 looks after its waiting requests by a timer that it sets again each time, after a negative
 * time while nothing is throttled: that is a warning on current Node, and a timer a millisecond on every connection at
 * rest. Looked after here is what waits, as long as it waits.
 */
function restTimers(): void {
  const queue = require('kafkajs/src/network/requestQueue/index.js') as { prototype: RequestQueue };
  queue.prototype.scheduleCheckPendingRequests = function schedule(this: RequestQueue) {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const throttledMs = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : lookEveryMs,
    );
  };
}
