import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  jsonEvent,
  NO_STREAM,
  WrongExpectedVersionError,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { DaybookError, isDaybookError, revisionConflict } from '@daybook/kernel/errors.ts';
import type { Metadata, NewEvent, RecordedEvent, Revision, StreamName } from '@daybook/kernel/event.ts';
import type { Appended, Expected, NonEmpty, Pages, ReadOptions } from '@daybook/kernel/ports/event-store.ts';
import { backOffMs, rest, type BackOff } from '../../runtime/loop.ts';
import { appendRequest, storeClosed, type AppendRequest } from '../append-request.ts';
import { noAnswer, translateStoreError } from './errors.ts';
import type { KnownIds, KnownStream, Place } from './known-ids.ts';
import { storedMetadata, toRecorded } from './recorded.ts';
import { holed } from './whole-stream.ts';

export type AppendsOptions = Readonly<{
  client: EventStoreDBClient;
  ids: KnownIds;
  read: (stream: StreamName, options?: ReadOptions) => Pages;
  answerLimitMs: number;
}>;

export type Appends = Readonly<{
  append(stream: StreamName, expected: Expected, events: NonEmpty<NewEvent>): Promise<Appended>;
  /** All ids of a stream up to its present end: what this process has not seen of it is read. */
  knownNow(stream: StreamName): Promise<KnownStream>;
  /** Refuses further appends and waits for those under way. Idempotent. */
  close(): Promise<void>;
}>;

/** Appends under way at most; more are refused as `unavailable`, to be repeated later. */
const mostUnderWay = 20_000;

/** Tries of an append that expects anything, against writers of the same stream; and of one that met another leader. */
const mostTries = 100;

/** Pauses until the server shows what it goes by already: the cluster confirms it within milliseconds. */
const unconfirmed: BackOff = { firstMs: 2, mostMs: 100 };

/** Appends as the port promises them, on a server that promises less of ids. */
export function makeAppends({ client, ids, read, answerLimitMs }: AppendsOptions): Appends {
  const underWay = new Set<Promise<unknown>>();
  /** Appends of this process to one stream that expect anything go one after the other. */
  const lanes = new Map<StreamName, Promise<unknown>>();
  let closed = false;

  async function knownNow(stream: StreamName): Promise<KnownStream> {
    const known = ids.of(stream);
    for await (const page of read(stream, { from: known.upTo + 1 })) ids.see(stream, page, known);
    return known;
  }

  async function perform(request: AppendRequest): Promise<Appended> {
    for (let tries = 1; ; tries += 1) {
      const known = await lookUp(request);
      const repeated = repeatOf(request, known);
      if (repeated !== undefined) return repeated;
      const base = baseOf(request, known);
      try {
        return await write(request, base);
      } catch (error) {
        if (error instanceof WrongExpectedVersionError) {
          const now = await shownUpTo(error.actualVersion, request.stream);
          const again = repeatOf(request, now);
          if (again !== undefined) return again;
          // What was expected by revision does not hold any more; anything else is tried at the new end.
          if (isExact(request.expected) || tries === mostTries) throw conflict(request, now.upTo);
        } else if (!isDaybookError(error, 'unavailable') || error.retry !== 'now' || tries === mostTries) {
          throw error;
        }
      }
    }
  }

  /**
   * The stream up to what the server went by when it refused an append: that of another writer which the cluster has not
   * confirmed yet is in nobody's way for long, and cannot be read before.
   */
  async function shownUpTo(actual: unknown, stream: StreamName): Promise<KnownStream> {
    const until = performance.now() + answerLimitMs;
    for (let tries = 1; ; tries += 1) {
      const known = await knownNow(stream);
      if (typeof actual !== 'bigint' || known.upTo >= Number(actual)) return known;
      if (performance.now() >= until) throw notShown();
      await rest(backOffMs(unconfirmed, tries), new AbortController().signal);
    }
  }

  /** The stream as far as the append needs to know it. */
  async function lookUp({ stream, expected }: AppendRequest): Promise<KnownStream> {
    const known = ids.of(stream);
    if (expected === 'no-stream' && known.upTo === -1) return known;
    if (typeof expected === 'number' && known.upTo === expected) return known;
    return knownNow(stream);
  }

  async function write(request: AppendRequest, base: Revision): Promise<Appended> {
    const { stream, events } = request;
    const appendId = randomUUID();
    const proposed = events.map(({ id, type, data, metadata }) =>
      jsonEvent({
        id,
        type,
        data: JSON.parse(data) as never,
        metadata: storedMetadata(JSON.parse(metadata) as Metadata, { appendId }) as never,
      }),
    );
    const expectedRevision = base === -1 ? NO_STREAM : BigInt(base);
    const answer = client.appendToStream(stream, proposed, {
      expectedRevision,
      deadline: answerLimitMs,
      requiresLeader: true,
    });
    await within(answerLimitMs, answer);
    return confirmed(request, base, appendId);
  }

  /** Reads back what was appended: the server says the same of a repeat, and gives no positions but the last. */
  async function confirmed(
    { stream, events }: AppendRequest,
    base: Revision,
    appendId: string,
  ): Promise<Appended> {
    const written: (RecordedEvent & { appendId?: string })[] = [];
    const range = client.readStream(stream, {
      fromRevision: BigInt(base + 1),
      maxCount: events.length,
      requiresLeader: true,
    });
    const reading = async (): Promise<void> => {
      for await (const { event } of range) if (event !== undefined) written.push(toRecorded(event));
    };
    try {
      await within(answerLimitMs, reading());
    } catch (error) {
      await range.cancel().catch(() => undefined);
      (range as unknown as Readable).destroy();
      throw error;
    }
    const [first, last] = [written[0], written.at(-1)];
    if (first !== undefined && first.revision !== base + 1) throw holed(stream);
    ids.see(stream, written);
    if (last === undefined || last.id !== events.at(-1)?.id) throw notShown();
    const { revision, position } = last;
    return { revision, position, ...(last.appendId === appendId ? { wrote: true } : {}) };
  }

  async function inLane(request: AppendRequest): Promise<Appended> {
    if (isExact(request.expected)) return perform(request);
    const { stream } = request;
    const turn = (lanes.get(stream) ?? Promise.resolve()).then(() => perform(request));
    const settled = turn.catch(() => undefined);
    lanes.set(stream, settled);
    try {
      return await turn;
    } finally {
      if (lanes.get(stream) === settled) lanes.delete(stream);
    }
  }

  return {
    append: async (stream, expected, events) => {
      const request = appendRequest(stream, expected, events);
      if (closed) throw storeClosed();
      if (underWay.size >= mostUnderWay) {
        throw new DaybookError('unavailable', 'Too many appends are waiting.', {
          retry: 'later',
          fields: { waiting: underWay.size },
        });
      }
      const appending = inLane(request).catch((error: unknown) => {
        throw translateStoreError(error);
      });
      const settled = appending.catch(() => undefined).finally(() => underWay.delete(settled));
      underWay.add(settled);
      return appending;
    },
    knownNow,
    close: async () => {
      closed = true;
      await Promise.all(underWay);
    },
  };
}

const isExact = (expected: Expected): boolean => typeof expected === 'number' || expected === 'no-stream';

/** The first result, where all events are stored already. @throws `revision-conflict` where only some are */
function repeatOf(request: AppendRequest, known: KnownStream): Appended | undefined {
  const places = request.events.flatMap(({ id }) => known.places.get(id) ?? []);
  if (places.length === 0) return undefined;
  if (places.length < request.events.length) throw conflict(request, known.upTo);
  const { revision, position } = places.reduce<Place>(
    (a, b) => (b.revision > a.revision ? b : a),
    places[0] as Place,
  );
  return { revision, position };
}

/** The revision to append behind. @throws `revision-conflict` where it is not what is expected */
function baseOf(request: AppendRequest, { upTo }: KnownStream): Revision {
  const { expected } = request;
  const fits =
    expected === 'any' ||
    (expected === 'no-stream' ? upTo === -1 : expected === 'stream-exists' ? upTo >= 0 : upTo === expected);
  if (!fits) throw conflict(request, upTo);
  return upTo;
}

function notShown(): DaybookError {
  return new DaybookError('unavailable', 'EventStoreDB does not yet show what it goes by.', {
    retry: 'later',
  });
}

function conflict({ stream, expected }: AppendRequest, actual: Revision): DaybookError {
  return revisionConflict(stream, expected, actual);
}

/**
 * The driver's deadline ends a call, and no search for the cluster's leader before it.
 * @throws WrongExpectedVersionError as it is, anything else translated
 */
export async function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(noAnswer());
    }, limitMs);
  });
  try {
    return await Promise.race([answer, limit]);
  } catch (error) {
    throw error instanceof WrongExpectedVersionError ? error : translateStoreError(error);
  } finally {
    clearTimeout(timer);
  }
}
