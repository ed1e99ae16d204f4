import type { InMessage } from '@daybook/kernel/ports/topics.ts';

/** A partition that a member holds. The epoch grows with every change of holder and fences the former ones. */
export type Claim = Readonly<{ partition: number; epoch: number }>;

export type Held = Claim &
  Readonly<{
    /** Offset of the message to be handled next. */
    next: number;
    /** Failed deliveries of the messages before `triedTo`. */
    attempts: number;
    triedTo: number;
    /** What is left of a pause that a verdict asked for. */
    waitMs: number;
  }>;

/** What a member holds, and how many partitions are its fair share. */
export type Membership = Readonly<{ held: readonly Held[]; share: number }>;

export type Want = Readonly<{ partition: number; from: number; letters: boolean }>;

/** A dead letter that was released and awaits its delivery. */
export type ReleasedLetter = Readonly<{ id: number; message: InMessage }>;

export type Fetched = Readonly<{
  partition: number;
  messages: readonly InMessage[];
  letters: readonly ReleasedLetter[];
}>;

export type Parking = Readonly<{ attempt: number; reason: string }>;

/** Progress in the log that moves messages aside: the one that is parked, and those that wait behind their key's. */
export type Settlement = Claim &
  Readonly<{ next: number; waiting: readonly number[]; parked?: Parking & { offset: number } }>;

/** Progress among released letters. */
export type LetterSettlement = Claim &
  Readonly<{
    handled: readonly number[];
    /** Keys of those handled: asked about in the answer. */
    keys: readonly string[];
    parked?: Parking & { id: number };
  }>;

/** A batch that comes again. */
export type Deferral = Claim &
  Readonly<{ attempts: number; triedTo: number; letters: readonly number[]; afterMs: number }>;

/**
 * What one member of one group knows and records; the seam between the consumer and the engine below it. Every change
 * names the claim it rests on and is refused where that claim no longer holds: that is what keeps a member that was
 * thought dead from writing.
 */
export type GroupLedger = Readonly<{
  /**
   * Joins or stays: renews the member's lease, frees what dead members held, and claims free partitions up to the
   * member's share. With `first` a former incarnation of the same instance is taken for dead at once.
   */
  sync(first: boolean): Promise<Membership>;
  /**
   * Renews the member's lease without a look at the group; false where something is amiss there (the member counts as
   * dead, another one died, a partition is free), and a `sync` is due. What all consumers of a process ask within some
   * milliseconds is one statement. Absent where a `sync` costs as little.
   */
  renew?(): Promise<boolean>;
  /** Keys of a partition with letters set aside: their later messages are set aside too. */
  blockedKeys(partition: number): Promise<readonly string[]>;
  /** At most `limit` messages and letters for each partition wanted, in order. */
  fetch(wants: readonly Want[], limit: number): Promise<readonly Fetched[]>;
  /**
   * Whether a fetch would find something: for those who look now and then while nothing comes. What all consumers of a
   * process ask within some milliseconds is one question to the engine. Absent where a fetch costs as little.
   */
  news?(wants: readonly Want[]): Promise<boolean>;
  /** Takes what to call when there may be something to fetch. Absent where those who publish say so. */
  onNews?(ring: () => void): void;
  /** Records progress; answers with the partitions whose claim held. */
  commit(moves: readonly (Claim & { next: number })[]): Promise<ReadonlySet<number>>;
  /** False where the claim is lost; then nothing changed. */
  settle(settlement: Settlement): Promise<boolean>;
  /** Keys that have no letters any more; null where the claim is lost. */
  settleLetters(settlement: LetterSettlement): Promise<readonly string[] | null>;
  defer(deferral: Deferral): Promise<boolean>;
  /** Hands a partition back for another member. */
  giveUp(claim: Claim): Promise<void>;
  leave(): Promise<void>;
}>;

/** Released letters of a key that are on their way at once: bounds what a release costs, whatever waits. */
export const releaseWindow = 1_000;

/** Reason of letters that were not tried themselves. */
export const waitsBehind = 'Waits behind an earlier message of its key.';

/** Channel of what is published to a topic, and of letters released. */
export const topicChannel = (topic: string): string => `topic:${topic}`;

/** Channel of changes in a group's membership. */
export const groupChannel = (topic: string, group: string): string => `topic:${topic}:${group}`;
