import { BACKWARDS, END, excludeSystemEvents, FORWARDS, START } from '@eventstore/db-client';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position, type StreamName } from '@daybook/kernel/event.ts';
import type { EventStore, LogIdentity, Pages, ReadOptions } from '@daybook/kernel/ports/event-store.ts';
import { makeAppends } from './appends.ts';
import { connectTo } from './connection.ts';
import { isInvalidPosition } from './errors.ts';
import { identityOf, identityStream, logIdentity } from './identity.ts';
import { knownIds } from './known-ids.ts';
import { isSystemEvent, logPosition, positionOf } from './recorded.ts';
import { storedPages, type StoredPagesOptions } from './stored-pages.ts';
import { watched } from './watched-pages.ts';
import { wholeStream } from './whole-stream.ts';

export type EventStoreDbOptions = Readonly<{
  /** `EVENTSTORE_URL`: `esdb://…` or `kurrentdb://…`, with credentials, TLS and the cluster's nodes. */
  url: string;
  /** Shown in the server's logs. */
  name: string;
  /** Longest wait for an answer. Default 30 000 ms. */
  answerLimitMs?: number;
  /** How long a subscription may be quiet before its node is compared with the leader. Default 10 000 ms. */
  quietMs?: number;
}>;

const defaultPageSize = 500;

/** A follower may not have yet what was acknowledged; who follows the log hears of it there as well. */
const fromLeader = { requiresLeader: true };

/** Events of the server between which a subscription is told how far it is, times 32. */
const checkpointInterval = 32;

/**
 * The log in EventStoreDB or KurrentDB, 23.10 or later: one that is Daybook's alone. Streams, revisions and expectations are
 * the server's own; a position is the server's commit position. The server takes an id for a repeat only where it is
 * expected at its place, so that ids are looked up before an append: in what this process has read of the stream, and
 * the rest is read first.
 */
export function eventStoreDb({
  url,
  name,
  answerLimitMs = 30_000,
  quietMs = 10_000,
}: EventStoreDbOptions): EventStore {
  const client = connectTo(url, name);
  const closing = new AbortController();
  const ids = knownIds();

  function readPages(
    open: StoredPagesOptions['open'],
    { limit = Infinity, pageSize = defaultPageSize, wanted = isOurs }: PartOptions,
  ): Pages {
    return atLeader(() =>
      storedPages({
        open,
        limit,
        pageSize,
        wanted,
        answerLimitMs,
      }),
    );
  }

  async function* read(stream: StreamName, options: ReadOptions = {}): Pages {
    const { from, direction = 'forwards', limit = Infinity } = options;
    const forwards = direction === 'forwards';
    const open: StoredPagesOptions['open'] = () =>
      client.readStream(stream, {
        direction: forwards ? FORWARDS : BACKWARDS,
        fromRevision: from === undefined ? (forwards ? START : END) : BigInt(from),
        ...(limit === Infinity ? {} : { maxCount: limit }),
        ...fromLeader,
      });
    for await (const page of wholeStream(stream, readPages(open, { limit }), options)) {
      if (forwards) ids.see(stream, page);
      yield page;
    }
  }

  async function* readAll({
    after = beginning,
    limit = Infinity,
    pageSize = defaultPageSize,
  }: { after?: Position; limit?: number; pageSize?: number } = {}): Pages {
    yield* readPages(
      () => client.readAll({ fromPosition: after === beginning ? START : logPosition(after), ...fromLeader }),
      {
        limit,
        pageSize,
        // The server begins at a position, not after it.
        wanted: (event) => isOurs(event) && (after === beginning || positionOf(event as never) > after),
      },
    );
  }

  const appends = makeAppends({ client, ids, read, answerLimitMs });

  async function head(): Promise<Position> {
    const last = await firstOf(
      readPages(() => client.readAll({ direction: BACKWARDS, fromPosition: END, ...fromLeader }), {
        limit: 1,
      }),
    );
    return last?.position ?? beginning;
  }

  async function knownIdentity(): Promise<LogIdentity | undefined> {
    const open: StoredPagesOptions['open'] = () =>
      client.readStream(identityStream, {
        direction: BACKWARDS,
        fromRevision: END,
        maxCount: 1,
        ...fromLeader,
      });
    return identityOf((await firstOf(readPages(open, { wanted: () => true })))?.data);
  }

  return {
    append: (stream, expected, events) => appends.append(stream, expected, events),
    read,
    find: async (stream, wanted) => {
      const known = await appends.knownNow(stream);
      const places = wanted.flatMap((id) => known.places.get(id) ?? []);
      const found = await Promise.all(
        places.map(async ({ revision }) => firstOf(read(stream, { from: revision, limit: 1 }))),
      );
      return found.filter((event) => event !== undefined).sort((a, b) => a.revision - b.revision);
    },
    readAll,
    subscribeAll: ({ after = beginning, pageSize = defaultPageSize, signal }) =>
      watched(after, { head, everyMs: quietMs }, (whileQuiet) =>
        storedPages({
          open: () =>
            client.subscribeToAll({
              fromPosition: after === beginning ? START : logPosition(after),
              filter: excludeSystemEvents({ checkpointInterval }),
            }),
          limit: Infinity,
          pageSize,
          wanted: isOurs,
          whileQuiet,
          signal: AbortSignal.any([signal, closing.signal]),
        }),
      ),
    head,
    at: async (position) => {
      const open: StoredPagesOptions['open'] = () =>
        client.readAll({ fromPosition: logPosition(position), maxCount: 1, ...fromLeader });
      const wanted: StoredPagesOptions['wanted'] = (event) =>
        isOurs(event) && positionOf(event as never) === position;
      return firstOf(readPages(open, { wanted })).catch((error: unknown) => {
        if (isInvalidPosition(error)) return undefined;
        throw error;
      });
    },
    identity: () => logIdentity(client, knownIdentity),
    knownIdentity,
    close: async () => {
      closing.abort();
      await appends.close();
      await client.dispose();
    },
  };
}

type PartOptions = Readonly<{
  limit?: number;
  pageSize?: number;
  wanted?: StoredPagesOptions['wanted'];
}>;

const isOurs: StoredPagesOptions['wanted'] = (event) => !isSystemEvent(event);

async function firstOf<T>(pages: AsyncIterable<readonly T[]>): Promise<T | undefined> {
  for await (const [first] of pages) return first;
  return undefined;
}

/** Connections tried, where each node names another as the leader. */
const mostLeaders = 5;

/** A read that is begun anew where the node it came to does not lead: the connection has moved on by then. */
async function* atLeader(read: () => Pages): Pages {
  for (let tries = 1; ; tries += 1) {
    let begun = false;
    try {
      for await (const page of read()) {
        begun = true;
        yield page;
      }
      return;
    } catch (error) {
      const moved = isDaybookError(error, 'unavailable') && error.retry === 'now';
      if (!moved || begun || tries === mostLeaders) throw error;
    }
  }
}
