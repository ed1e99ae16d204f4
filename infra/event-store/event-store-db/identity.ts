import { randomUUID } from 'node:crypto';
import { NO_STREAM, WrongExpectedVersionError, type EventStoreDBClient } from '@eventstore/db-client';
import type { LogIdentity } from '@daybook/kernel/ports/event-store.ts';
import { translateStoreError } from './errors.ts';

/** A stream that has no events: its metadata says which log it is. */
const stream = 'daybookLog-identity';

/** Where the server keeps that metadata. */
export const identityStream = `$$${stream}`;

/**
 * The identity of the log, given by whoever asks first: several may at once, and one of them wins. It stands in the metadata
 * of a stream, which no reader of events meets.
 * @param read the data of the last event of `identityStream`, if it has one
 */
export async function logIdentity(
  client: EventStoreDBClient,
  read: () => Promise<object | undefined>,
): Promise<LogIdentity> {
  const found = identityOf(await read());
  if (found !== undefined) return found;
  const given: LogIdentity = { log: randomUUID(), epoch: `1.${randomUUID().slice(0, 8)}` };
  try {
    await client.setStreamMetadata(stream, { ...given }, { expectedRevision: NO_STREAM });
    return given;
  } catch (error) {
    const other = error instanceof WrongExpectedVersionError ? identityOf(await read()) : undefined;
    if (other !== undefined) return other;
    throw translateStoreError(error);
  }
}

function identityOf(metadata: object | undefined): LogIdentity | undefined {
  const { log, epoch } = (metadata ?? {}) as Partial<LogIdentity>;
  return log === undefined || epoch === undefined ? undefined : { log, epoch };
}
