import { randomUUID } from 'node:crypto';
import { revisionConflict } from '@daybook/kernel/errors.ts';
import { beginning, type Metadata, type Position, type RecordedEvent } from '@daybook/kernel/event.ts';
import type {
  Appended,
  EventStore,
  Expected,
  LogIdentity,
  Pages,
} from '@daybook/kernel/ports/event-store.ts';
import { memoryWakeups, type Wakeups } from '../database/wakeups.ts';
import { appendRequest, storeClosed, type AppendRequest } from './append-request.ts';
import { fromPosition, toPosition } from './position.ts';
import { tail } from './tail.ts';

/** A log that several memory stores may stand on, as several processes stand on one database. */
export type MemoryLog = Readonly<{
  /** Every event in order; the one at index n has position n + 1. */
  events: RecordedEvent[];
  streams: Map<string, RecordedEvent[]>;
  byId: Map<string, RecordedEvent>;
  wakeups: Wakeups;
  identity: LogIdentity;
}>;

/** An empty log. */
export function memoryLog(): MemoryLog {
  return {
    events: [],
    streams: new Map(),
    byId: new Map(),
    wakeups: memoryWakeups(),
    identity: { log: randomUUID(), epoch: '1' },
  };
}

const defaultPageSize = 500;

/** An event store that lives as long as the process. Appends take effect in the order in which they are called. */
export function memoryEventStore(options: { log?: MemoryLog; now?: () => string } = {}): EventStore {
  const { log = memoryLog(), now = () => new Date().toISOString() } = options;
  const closing = new AbortController();

  async function* readAll({
    after = beginning,
    limit = Infinity,
    pageSize = defaultPageSize,
  }: { after?: Position; limit?: number; pageSize?: number } = {}): Pages {
    let from = fromPosition(after);
    let left = limit;
    while (left > 0) {
      const page = log.events.slice(from, from + Math.min(pageSize, left));
      if (page.length === 0) return;
      from += page.length;
      left -= page.length;
      yield page;
    }
  }

  return {
    append: async (stream, expected, events) => {
      const request = appendRequest(stream, expected, events);
      if (closing.signal.aborted) throw storeClosed();
      return appendTo(log, request, now());
    },
    read: async function* (stream, { from, direction = 'forwards', limit = Infinity } = {}) {
      const all = log.streams.get(stream) ?? [];
      const chosen = (
        direction === 'forwards' ? all.slice(from ?? 0) : all.slice(0, (from ?? all.length) + 1).reverse()
      ).slice(0, limit);
      for (let start = 0; start < chosen.length; start += defaultPageSize) {
        yield chosen.slice(start, start + defaultPageSize);
      }
    },
    find: async (stream, ids) =>
      ids
        .flatMap((id) => log.byId.get(id) ?? [])
        .filter((event) => event.stream === stream)
        .sort((a, b) => a.revision - b.revision),
    readAll,
    subscribeAll: ({ after, pageSize, signal }) =>
      tail({
        readAll: (position) => readAll({ after: position, ...(pageSize === undefined ? {} : { pageSize }) }),
        wakeups: log.wakeups,
        after,
        signal: AbortSignal.any([signal, closing.signal]),
        // Every append wakes; the poll is only there because a loop has to have one.
        poll: { shortestMs: 1_000, longestMs: 1_000 },
      }),
    head: async () => toPosition(log.events.length),
    at: async (position) => log.events[fromPosition(position) - 1],
    identity: async () => log.identity,
    knownIdentity: async () => log.identity,
    close: async () => {
      closing.abort();
    },
  };
}

function appendTo(log: MemoryLog, request: AppendRequest, recordedAt: string): Appended {
  const { stream, expected } = request;
  const existing = log.streams.get(stream) ?? [];
  const actual = existing.length - 1;
  const known = request.events.flatMap(({ id }) => log.byId.get(id) ?? []);
  if (known.length === request.events.length && known.every((event) => event.stream === stream)) {
    return lastOf(known);
  }
  if (known.length > 0 || !fits(expected, actual)) throw revisionConflict(stream, expected, actual);
  const recorded = request.events.map((event, index): RecordedEvent => ({
    id: event.id,
    type: event.type,
    // Frozen: a reader that changes what it read would change the log.
    data: frozenJson(event.data) as object,
    metadata: frozenJson(event.metadata) as Metadata,
    stream,
    revision: actual + 1 + index,
    position: toPosition(log.events.length + 1 + index),
    recordedAt,
  }));
  log.streams.set(stream, existing);
  for (const event of recorded) {
    existing.push(event);
    log.events.push(event);
    log.byId.set(event.id, event);
  }
  log.wakeups.notify('log');
  return { ...lastOf(recorded), wrote: true };
}

/** Revision and position of the latest of some events of one stream. */
function lastOf(events: readonly RecordedEvent[]): Appended {
  const last = events.reduce((a, b) => (b.revision > a.revision ? b : a));
  return { revision: last.revision, position: last.position };
}

function fits(expected: Expected, actual: number): boolean {
  switch (expected) {
    case 'any':
      return true;
    case 'no-stream':
      return actual === -1;
    case 'stream-exists':
      return actual >= 0;
    default:
      return expected === actual;
  }
}

function frozenJson(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => Object.freeze(value));
}
