/** A message on its way out. Headers are CloudEvents 1.0 attributes in the Kafka binding's binary mode. */
export type OutMessage = Readonly<{
  /** Messages of one key stay in order and in one partition. */
  key: string;
  /** Confluent-framed Avro. */
  value: Uint8Array;
  headers: Readonly<Record<string, string>>;
}>;

export type InMessage = OutMessage &
  Readonly<{
    partition: number;
    /** Increases within a partition; gaps are allowed. */
    offset: number;
    /** ISO 8601, UTC. */
    publishedAt: string;
    /** 1 at first delivery to this group, as far as the broker knows. */
    attempt: number;
  }>;

/** Messages of one partition, in order; none only where `keys` tells of keys that were freed and nothing came since. */
export type Batch = Readonly<{
  topic: string;
  partition: number;
  messages: readonly InMessage[];
  /** Keys whose messages are or were set aside for the group, where that matters to the batch. */
  keys?: SetAsideKeys;
}>;

export type SetAsideKeys = Readonly<{
  /** Messages of theirs stand between those of the batch and wait as dead letters. */
  waiting: ReadonlySet<string>;
  /** The last of their dead letters was handled since the batch before: nothing of theirs waits any more. */
  freed: ReadonlySet<string>;
}>;

/** What a handler says of a batch. Nothing counts as handled before the verdict. */
export type Verdict =
  | Readonly<{ do: 'done' }>
  /** Deliver the batch again after a pause; nothing of it counts as handled. */
  | Readonly<{ do: 'retry'; afterMs: number; reason: string }>
  /**
   * Messages before `index` are handled; the one at `index` becomes a dead letter with its reason. What follows it
   * for the same key and group becomes a dead letter behind it until it is released; other keys go on.
   */
  | Readonly<{ do: 'park'; index: number; reason: string }>
  /** Stop fetching this partition for a while; the batch comes again. */
  | Readonly<{ do: 'pause'; forMs: number; reason: string }>;

export const done: Verdict = { do: 'done' };

/** A message set aside for a group, with why. */
export type DeadLetter = Readonly<{
  id: number;
  topic: string;
  group: string;
  message: InMessage;
  /** False: it waits behind the one of its key that could not be handled. */
  parked: boolean;
  /** Why it could not be handled, or that it waits behind another of its key. */
  reason: string;
  parkedAt: string;
}>;

/** A part of the dead letters, in the order of their ids. */
export type LetterWindow = Readonly<{
  /** Only what is parked, without what waits behind it. Default false. */
  parkedOnly?: boolean;
  /** Only letters with a higher id. */
  after?: number;
  /** At most so many. */
  most: number;
}>;

/** A message to be set aside for a group. */
export type SetAsideMessage = OutMessage &
  Readonly<{
    id: string;
    /** Why, where it is the first of its key. */
    reason: string;
  }>;

export type TopicSettings = Readonly<{
  /** Fixed when the topic is created. */
  partitions: number;
  /** Messages may be removed when older. Absent: kept. */
  retentionMs?: number;
}>;

export type RunOptions = Readonly<{
  signal: AbortSignal;
  /** Most messages in a batch. Default 500. */
  maxBatch?: number;
}>;

/** How far a group is in a partition. `end` is the offset after the last message, `next` the one to be handled next. */
export type GroupLag = Readonly<{
  partition: number;
  next: number;
  end: number;
  /**
   * For how long the message to be handled next has waited, in milliseconds, never below 0; absent where none waits. Taken
   * by the clock that stamped the message where the engine can tell it, never by that of the host that asks.
   */
  waitingMs?: number;
  /** Since when the group's oldest parked message is parked; absent where there is none. */
  oldestParkedAt?: string;
}>;

/**
 * Distribution: topics of partitions, consumer groups, dead letters. Every promise is a clause of
 * `test/contracts/topics.contract.ts`.
 */
export interface Topics {
  /** Creates the topic, or confirms it. @throws `partition-mismatch` when it exists with another number. */
  ensure(topic: string, settings: TopicSettings): Promise<void>;

  /** The partition of a key: murmur2 modulo the topic's partitions, as Kafka's default partitioner has it. */
  partitionFor(topic: string, key: string): Promise<number>;

  /** Resolves once the broker has all messages durably. Order is kept per key, also over concurrent calls awaited in turn. */
  publish(topic: string, messages: readonly OutMessage[]): Promise<void>;

  /**
   * Joins a group until `signal` aborts, then finishes the batch in hand and leaves. At least once; in order within a
   * partition; a partition is with one member at a time; those of a member that died go to the others. A handler that
   * throws counts as `retry` with back-off.
   */
  run(
    topic: string,
    group: string,
    handler: (batch: Batch) => Promise<Verdict>,
    options: RunOptions,
  ): Promise<void>;

  /** Dead letters of a topic, oldest first; without a window all of them, with their payloads. */
  deadLetters(topic: string, group?: string, window?: LetterWindow): Promise<readonly DeadLetter[]>;

  /** Hands a dead letter's key, in order, back to its group: the letter and all that waited behind it. */
  release(id: number): Promise<void>;

  /**
   * Gives a parked message up for good and hands back, in order, what waited behind it. Nothing changes where the letter
   * is not parked: it waits behind another, its release is under way, or there is none.
   */
  skip(id: number): Promise<void>;

  /**
   * Sets messages aside for a group that did not come by the topic: of each key the first is parked unless letters of the
   * key are there already, the others wait behind it. Released they come before everything the topic brought, in the order
   * in which they were set aside, with offsets below zero. What has an id that is set aside already is passed over.
   */
  setAside(topic: string, group: string, messages: readonly SetAsideMessage[]): Promise<void>;

  /**
   * Forgets a group for good, with its place and its dead letters: it would begin anew. Nothing changes while it has a
   * member, and where there is no such group.
   */
  forget(topic: string, group: string): Promise<void>;

  lag(topic: string, group: string): Promise<readonly GroupLag[]>;

  /** Idempotent; leaves all groups. */
  close(): Promise<void>;
}
