/** What the server answers in place of a result. Each exception is named in the trailers, and clients tell them by that. */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';

export function failure(
  code: status,
  details: string,
  trailers: Readonly<Record<string, string>> = {},
): ServiceError {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
  return Object.assign(new Error(details), { code, details, metadata });
}

/** Of another node than the leader, to calls that ask for the leader. */
export const notLeader = (leader: Readonly<{ host: string; port: number }>): ServiceError =>
  failure(status.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': leader.host,
    'leader-endpoint-port': String(leader.port),
  });

/** While the cluster has no leader. */
export const noLeader = (): ServiceError => failure(status.UNKNOWN, 'No leader info available in response');

/** While a node starts. */
export const notReady = (): ServiceError => failure(status.UNAVAILABLE, 'Server Is Not Ready');

/** Of an append that the cluster did not confirm in time; it may be there all the same. */
export const timedOut = (): ServiceError =>
  failure(status.ABORTED, 'Operation timed out: Commit phase timeout.');

/** Of wrong credentials. */
export const unauthenticated = (): ServiceError => failure(status.UNAUTHENTICATED, 'Unauthenticated');

/** Of a user who may not do this, and of nobody in particular. */
export const accessDenied = (): ServiceError =>
  failure(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' });

export const streamDeleted = (stream: string): ServiceError =>
  failure(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  });

export const wrongExpectedVersion = (
  stream: string,
  expected: string | number,
  current: number,
): ServiceError =>
  failure(status.FAILED_PRECONDITION, `Delete failed due to WrongExpectedVersion. Stream: ${stream}`, {
    exception: 'wrong-expected-version',
    'stream-name': stream,
    'expected-version': String({ any: -2, 'no-stream': -1, 'stream-exists': -4 }[expected] ?? expected),
    'actual-version': String(current),
  });

/** Of an append that is too large as a whole. */
export const tooLarge = (most: number): ServiceError =>
  failure(status.INVALID_ARGUMENT, `Maximum Append Size of ${String(most)} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(most),
  });

/** Of an append with one event that is too large. */
export const eventTooLarge = (id: string, size: number, most: number): ServiceError =>
  failure(
    status.INVALID_ARGUMENT,
    `Event with Id: ${id}, Size: ${String(size)}, exceeds Maximum Append Event Size of ${String(most)}.`,
    {
      exception: 'maximum-append-event-size-exceeded',
      'maximum-append-event-size': String(most),
      'event-id': id,
      'proposed-append-event-size': String(size),
    },
  );

export const missingProperty = (name: string): ServiceError =>
  failure(status.INVALID_ARGUMENT, `Required Metadata Property '${name}' is missing`, {
    exception: 'missing-required-metadata-property',
    'required-metadata-properties': 'type,content-type',
  });

export const invalidPosition = (): ServiceError =>
  failure(status.INVALID_ARGUMENT, 'Trying to read from an invalid position.');

export const invalidArgument = (what: string): ServiceError => failure(status.INVALID_ARGUMENT, what);
