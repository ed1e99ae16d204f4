import { randomUUID } from 'node:crypto';
import { NO_STREAM, WrongExpectedVersionError, type EventStoreDBClient } from '@eventstore/db-client';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { LogIdentity } from '@daybook/kernel/ports/event-store.ts';
import { backOffMs, rest, type BackOff } from '../../runtime/loop.ts';
import { translateStoreError } from './errors.ts';

/** A stream that has no events: its metadata says which log it is. */
const stream = 'daybookLog-identity';

/** Where the server keeps that metadata. */
export const identityStream = `$$${stream}`;

/**
 * The identity of the log, given by whoever asks first: several may at once, and one of them wins. It stands in the metadata
 * of a stream, which no reader of events meets.
 * @param read the identity that it was given already, if it was
 */
export async function logIdentity(
  client: EventStoreDBClient,
  read: () => Promise<LogIdentity | undefined>,
): Promise<LogIdentity> {
  const found = await read();
  if (found !== undefined) return found;
  const given: LogIdentity = { log: randomUUID(), epoch: `1.${randomUUID().slice(0, 8)}` };
  try {
    await client.setStreamMetadata(
      stream,
      { ...given },
      { expectedRevision: NO_STREAM, requiresLeader: true },
    );
    return given;
  } catch (error) {
    if (error instanceof WrongExpectedVersionError) return givenByAnother(read);
    throw translateStoreError(error);
  }
}

/** Looks, with pauses, at what another process gave while the cluster confirms it. */
const looks = 10;
const pause: BackOff = { firstMs: 5, mostMs: 500 };

async function givenByAnother(read: () => Promise<LogIdentity | undefined>): Promise<LogIdentity> {
  for (let tries = 1; tries <= looks; tries += 1) {
    const other = await read();
    if (other !== undefined) return other;
    await rest(backOffMs(pause, tries), new AbortController().signal);
  }
  throw new DaybookError('unavailable', 'EventStoreDB does not yet show which log it is.', {
    retry: 'later',
  });
}

/** From the data of the last event of `identityStream`, where it has one. */
export function identityOf(metadata: object | undefined): LogIdentity | undefined {
  const { log, epoch } = (metadata ?? {}) as Partial<LogIdentity>;
  return log === undefined || epoch === undefined ? undefined : { log, epoch };
}
