import type { NewEvent, Position, RecordedEvent, Revision, StreamName } from '../event.ts';

/** What a writer believes about a stream: its revision, that it is absent, that it is there, or nothing. */
export type Expected = Revision | 'no-stream' | 'stream-exists' | 'any';

export type NonEmpty<T> = readonly [T, ...T[]];

/** Where an append stands: the revision of its last event and that event's position. */
export type Appended = Readonly<{
  revision: Revision;
  position: Position;
  /** These very events were written. Absent where their ids were stored already, and where the store cannot tell. */
  wrote?: true;
}>;

export type ReadOptions = Readonly<{
  /** First revision of the answer (inclusive). Default: 0 forwards, the last one backwards. */
  from?: Revision;
  /** Default `forwards`. */
  direction?: 'forwards' | 'backwards';
  /** Most events to answer with. Default: all. */
  limit?: number;
}>;

/** Events in order; a page is never empty. Reading ahead stops when the caller stops iterating. */
export type Pages = AsyncIterable<readonly RecordedEvent[]>;

/**
 * Which log it is, and which life of it. A log that was restored from a backup, or mended after it lost its end, is the
 * same log in a new epoch: its positions may mean other events than they did before.
 */
export type LogIdentity = Readonly<{ log: string; epoch: string }>;

/**
 * The log: streams of events with one total order over all. Every promise below is a clause of
 * `test/contracts/event-store.contract.ts`, run against each adapter.
 */
export interface EventStore {
  /**
   * Appends all events or none, in order, to one stream. The same event ids again in that stream give the first revision
   * and position and write nothing, whatever is expected. That no two streams have an id in common is the caller's part.
   * @throws `revision-conflict` (fields: stream, expected, actual) · `unavailable` (nothing is known to be stored)
   *   · `timeout` (unknown whether stored; repeat with the same ids) · TypeError for what only a bug can bring: a
   *   malformed name, an id that is no lower-case uuid or stands twice in the batch, data that is not JSON
   */
  append(stream: StreamName, expected: Expected, events: NonEmpty<NewEvent>): Promise<Appended>;

  /** One stream in revision order, without gaps. A missing stream yields nothing. */
  read(stream: StreamName, options?: ReadOptions): Pages;

  /** Those of a stream's events that have one of these ids, in revision order; ids of other streams find nothing. */
  find(stream: StreamName, ids: NonEmpty<string>): Promise<readonly RecordedEvent[]>;

  /**
   * The log after a position up to its present end, in position order. Once a position was seen, nothing ever appears
   * before it, whatever other transactions are open.
   */
  readAll(options?: { after?: Position; limit?: number; pageSize?: number }): Pages;

  /** As `readAll`, then waits for more until `signal` aborts, when it ends quietly. */
  subscribeAll(options: { after?: Position; pageSize?: number; signal: AbortSignal }): Pages;

  /** The position of the last event; `beginning` for an empty log. */
  head(): Promise<Position>;

  /**
   * The event at a position that this log issued; undefined where it has none there, such as after it lost its end. By
   * it and by `identity` a consumer finds out that what it took in is not what the log holds.
   */
  at(position: Position): Promise<RecordedEvent | undefined>;

  /** Given at creation, or to whoever asks first; the epoch changes only by a restore or a recovery, when no store is open. */
  identity(): Promise<LogIdentity>;

  /** As `identity`, and undefined for a log that was given none yet: asking changes nothing. */
  knownIdentity(): Promise<LogIdentity | undefined>;

  /** Idempotent; ends subscriptions and waits for appends under way. */
  close(): Promise<void>;
}
