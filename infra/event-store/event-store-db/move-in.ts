/**
 * Moves the events of another log into an EventStoreDB, one append after the other, so that `$all` has them in that log's
 * order whatever happens: a death leaves the events up to some place, or one append more that was on its way.
 */
import { jsonEvent, NO_STREAM, START, WrongExpectedVersionError } from '@eventstore/db-client';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import { failpoint } from '../../failpoints/failpoint.ts';
import { backOffMs, rest } from '../../runtime/loop.ts';
import { checkStreamName, storedForm } from '../append-request.ts';
import type { ImportedEvent } from '../import-events.ts';
import { within } from './appends.ts';
import { connectTo } from './connection.ts';
import { excessOf, translateStoreError } from './errors.ts';
import { identityStream } from './identity.ts';
import { storedMetadata } from './recorded.ts';

/** A server into which a log is moved. */
export type MoveIn = Readonly<{
  /** @throws `maintenance-refused` where somebody deleted or truncated a stream: its revisions would not begin at 0 */
  expectNothingDeleted(): Promise<void>;
  /**
   * Appends events behind the server's log, in their order, with ids, revisions and times.
   * @throws `maintenance-refused` where a stream is not where its events continue, or one event is larger than the server
   *   takes · `unavailable` · `timeout`. What was appended before stays.
   */
  take(pages: AsyncIterable<readonly ImportedEvent[]>, onProgress: (events: number) => void): Promise<void>;
  close(): Promise<void>;
}>;

export type MoveInOptions = Readonly<{
  url: string;
  /** Shown in the server's logs. */
  name: string;
  /** Longest wait for the answer to an append. Default 30 000 ms. */
  answerLimitMs?: number;
}>;

/** One append at most: half of what a server takes unless told otherwise. */
const mostBytes = 512 * 1024;
const mostEvents = 500;

/** Repeats of an append that the server did not answer, or whose leader changed; it has the same ids each time. */
const mostTries = 6;

/** Opens the way in. */
export function moveIntoEventStoreDb({ url, name, answerLimitMs = 30_000 }: MoveInOptions): MoveIn {
  const client = connectTo(url, name);
  return {
    expectNothingDeleted: async () => {
      for (let tries = 1; ; tries += 1) {
        try {
          await expectNothingDeleted(client);
          return;
        } catch (error) {
          // The connection has moved on to the leader by then.
          if (!isDaybookError(error) || error.retry !== 'now' || tries === mostTries) throw error;
        }
      }
    },
    take: async (pages, onProgress) => {
      for await (const run of runsOf(pages)) {
        await failpoint('logMove.appending');
        await appendRun(client, run, answerLimitMs);
        onProgress(run.length);
      }
    },
    close: () => client.dispose(),
  };
}

/** Neighbours of one stream, as many as go into one append. */
async function* runsOf(
  pages: AsyncIterable<readonly ImportedEvent[]>,
): AsyncGenerator<readonly ImportedEvent[]> {
  let run: ImportedEvent[] = [];
  let bytes = 0;
  for await (const page of pages) {
    for (const event of page) {
      const size = sizeOf(event);
      if (run.length > 0 && (!continues(run, event) || bytes + size > mostBytes)) {
        yield run;
        run = [];
        bytes = 0;
      }
      run.push(event);
      bytes += size;
    }
  }
  if (run.length > 0) yield run;
}

function continues(run: readonly ImportedEvent[], { stream, revision }: ImportedEvent): boolean {
  const last = run.at(-1);
  return run.length < mostEvents && last?.stream === stream && last.revision + 1 === revision;
}

function sizeOf(event: ImportedEvent): number {
  checkStreamName(event.stream);
  const { data, metadata } = storedForm(event);
  return Buffer.byteLength(data) + Buffer.byteLength(metadata) + 300;
}

async function appendRun(
  client: EventStoreDBClient,
  run: readonly ImportedEvent[],
  answerLimitMs: number,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await appendOnce(client, run, answerLimitMs);
      return;
    } catch (error) {
      const translated = refusedOr(error, run);
      if (!isDaybookError(translated) || translated.retry === 'never' || tries === mostTries)
        throw translated;
      await rest(backOffMs({ firstMs: 100, mostMs: 5_000 }, tries), new AbortController().signal);
    }
  }
}

/** An append with an exact expectation: a repeat of the same ids at the same place is none to the server. */
async function appendOnce(
  client: EventStoreDBClient,
  run: readonly ImportedEvent[],
  answerLimitMs: number,
): Promise<void> {
  const [{ stream, revision }] = run as readonly [ImportedEvent];
  const proposed = run.map(({ id, type, data, metadata, recordedAt }) =>
    jsonEvent({
      id,
      type,
      data: data as never,
      metadata: storedMetadata(metadata, { recordedAt }) as never,
    }),
  );
  const { nextExpectedRevision } = await within(
    answerLimitMs,
    client.appendToStream(stream, proposed, {
      expectedRevision: revision === 0 ? NO_STREAM : BigInt(revision - 1),
      deadline: answerLimitMs,
      requiresLeader: true,
    }),
  );
  if (nextExpectedRevision !== BigInt(revision + run.length - 1)) throw elsewhere(run);
}

function refusedOr(error: unknown, run: readonly ImportedEvent[]): Error {
  if (error instanceof WrongExpectedVersionError) return elsewhere(run, error);
  const excess = excessOf(error instanceof TypeError ? error.cause : undefined);
  if (excess === undefined) return translateStoreError(error);
  const [{ stream, revision }] = run as readonly [ImportedEvent];
  const { most, setting } = excess;
  const mend =
    setting === undefined
      ? ''
      : ` Raise its setting ${setting} and give the command again: it goes on from there.`;
  return new DaybookError(
    'maintenance-refused',
    `The event ${stream}@${String(revision)} is larger than EventStoreDB takes (${most}).${mend}`,
    { cause: error },
  );
}

function elsewhere(run: readonly ImportedEvent[], cause?: unknown): DaybookError {
  const [{ stream, revision }] = run as readonly [ImportedEvent];
  return new DaybookError(
    'maintenance-refused',
    `The stream ${stream} of the EventStoreDB is not where revision ${String(revision)} follows: somebody else writes to it, or deleted something. Begin with an empty EventStoreDB that is Daybook's alone.`,
    cause === undefined ? {} : { cause },
  );
}

/** Metadata of a stream by which the server leaves out, or will leave out, some of its events. */
const truncating = ['$tb', '$maxCount', '$maxAge'];

async function expectNothingDeleted(client: EventStoreDBClient): Promise<void> {
  const events = client.readAll({ fromPosition: START, requiresLeader: true });
  try {
    for await (const { event } of events) {
      if (event === undefined) continue;
      const { type, streamId, data } = event;
      // Streams of the server itself are its own business.
      if (type === '$streamDeleted' && !streamId.startsWith('$')) throw deleted(streamId);
      if (type !== '$metadata' || streamId.startsWith('$$$') || streamId === identityStream) continue;
      if (truncating.some((key) => key in (data as object))) throw deleted(streamId.slice(2));
    }
  } catch (error) {
    throw translateStoreError(error);
  } finally {
    // A read that is given up goes on at the server, and the connection waits for its end.
    await events.cancel().catch(() => undefined);
  }
}

function deleted(stream: string): DaybookError {
  return new DaybookError(
    'maintenance-refused',
    `Somebody deleted or truncated the stream ${stream} of the EventStoreDB that the log is to be moved to. Begin with an empty one that is Daybook's alone.`,
  );
}
