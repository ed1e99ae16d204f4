import type { InMessage, SetAsideKeys } from '@daybook/kernel/ports/topics.ts';
import { makeBell, type Bell } from './bell.ts';
import type { Fetched, Held, ReleasedLetter, Want } from './group-ledger.ts';

/** What is in a handler's hands: messages of the log, or released letters. */
export type Delivery =
  | Readonly<{
      of: 'log';
      messages: readonly InMessage[];
      /** Offsets among them whose key is blocked: set aside unseen by the handler. */
      waiting: readonly number[];
      keys?: SetAsideKeys;
      /** All messages the delivery covers, those waiting included. */
      covered: readonly InMessage[];
      next: number;
    }>
  | Readonly<{ of: 'letters'; messages: readonly InMessage[]; letters: readonly ReleasedLetter[] }>;

/** A partition in the hands of this member. Only its worker and the member's own loops touch it. */
export type HeldPartition = {
  readonly partition: number;
  readonly epoch: number;
  readonly bell: Bell;
  /** `surplus`: to be given up after the batch in hand. `lost`: another member's. */
  state: 'held' | 'surplus' | 'lost';
  /** Blocked keys are known, so that messages may be fetched. */
  ready: boolean;
  /** A handler has a batch of it. */
  busy: boolean;
  /** Fetched and not handed out yet, in order. */
  buffer: InMessage[];
  /** Offset from which to fetch. */
  from: number;
  /** The last fetch was full: there is likely more. */
  more: boolean;
  letters: ReleasedLetter[];
  /** Letters are in hand; what a fetch begun meanwhile says of letters is out of date. */
  lettersInHand: boolean;
  lettersSettled: number;
  blocked: Set<string>;
  /** Blocked no more since the last batch of the log. */
  freed: Set<string>;
  /** A delivery that comes again. */
  again: Delivery | null;
  attempts: number;
  triedTo: number;
  /** On the process's monotonic clock, in milliseconds. */
  resumeAt: number;
  /** A commit under way: true where the claim held. */
  committing: Promise<boolean> | null;
};

/** A partition as a member takes it up: where the group stands, with nothing fetched. */
export function holdPartition(held: Held, now: number): HeldPartition {
  return {
    partition: held.partition,
    epoch: held.epoch,
    bell: makeBell(),
    state: 'held',
    ready: false,
    busy: false,
    buffer: [],
    from: held.next,
    more: false,
    letters: [],
    lettersInHand: false,
    lettersSettled: 0,
    blocked: new Set(),
    freed: new Set(),
    again: null,
    attempts: held.attempts,
    triedTo: held.triedTo,
    resumeAt: now + held.waitMs,
    committing: null,
  };
}

/** What to fetch for a partition; null while it has enough in hand. */
export function wantOf(part: HeldPartition, maxBatch: number): Want | null {
  if (!part.ready || part.state !== 'held' || part.buffer.length >= maxBatch) return null;
  return {
    partition: part.partition,
    from: part.from,
    letters: part.letters.length === 0 && !part.lettersInHand,
  };
}

/** Takes in what a fetch brought. `lettersSettled` is the count when the fetch began. */
export function receive(part: HeldPartition, fetched: Fetched, limit: number, lettersSettled: number): void {
  const last = fetched.messages.at(-1);
  if (last !== undefined) {
    part.from = last.offset + 1;
    part.buffer = part.buffer.length === 0 ? [...fetched.messages] : [...part.buffer, ...fetched.messages];
  }
  part.more = fetched.messages.length >= limit;
  if (fetched.letters.length > 0 && !part.lettersInHand && lettersSettled === part.lettersSettled) {
    part.letters = [...fetched.letters];
    // The letters of another process's release may belong to keys this member has not seen blocked.
    for (const { message } of fetched.letters) part.blocked.add(message.key);
  }
  part.bell.ring();
}

/**
 * The next batch for the handler: one that comes again, then released letters, then the log, of which it may have nothing
 * but keys that were freed. Null for nothing.
 */
export function takeDelivery(part: HeldPartition, maxBatch: number): Delivery | null {
  if (part.again !== null) {
    const { again } = part;
    part.again = null;
    return again;
  }
  if (part.letters.length > 0) {
    const letters = part.letters.splice(0, maxBatch);
    part.lettersInHand = true;
    return { of: 'letters', letters, messages: letters.map(({ message }) => message) };
  }
  return takeFromLog(part, maxBatch);
}

function takeFromLog(part: HeldPartition, maxBatch: number): Delivery | null {
  const messages: InMessage[] = [];
  const waiting: number[] = [];
  let taken = 0;
  for (const message of part.buffer) {
    if (messages.length === maxBatch) break;
    taken += 1;
    if (part.blocked.has(message.key)) waiting.push(message.offset);
    else messages.push(attempted(part, message));
  }
  const covered = part.buffer.slice(0, taken);
  const last = covered.at(-1);
  if (last === undefined && part.freed.size === 0) return null;
  part.buffer = part.buffer.slice(taken);
  const keys = { waiting: keysOf(covered, waiting), freed: part.freed };
  part.freed = new Set();
  return {
    of: 'log',
    messages,
    waiting,
    covered,
    next: last === undefined ? part.from : last.offset + 1,
    ...(keys.waiting.size + keys.freed.size === 0 ? {} : { keys }),
  };
}

function keysOf(messages: readonly InMessage[], offsets: readonly number[]): ReadonlySet<string> {
  if (offsets.length === 0) return new Set();
  const chosen = new Set(offsets);
  return new Set(messages.filter(({ offset }) => chosen.has(offset)).map(({ key }) => key));
}

function attempted(part: HeldPartition, message: InMessage): InMessage {
  return part.attempts > 0 && message.offset < part.triedTo
    ? { ...message, attempt: part.attempts + 1 }
    : message;
}

/** Keeps a delivery for another time. With `counts` its messages are then an attempt older. */
export function comeAgain(part: HeldPartition, delivery: Delivery, counts: boolean): void {
  const older = (message: InMessage): InMessage =>
    counts ? { ...message, attempt: message.attempt + 1 } : message;
  if (delivery.of === 'letters') {
    const letters = delivery.letters.map((letter) => ({ ...letter, message: older(letter.message) }));
    part.again = { of: 'letters', letters, messages: letters.map(({ message }) => message) };
    return;
  }
  if (counts) {
    part.attempts += 1;
    part.triedTo = delivery.next;
  }
  part.again = { ...delivery, messages: delivery.messages.map(older) };
}

/** Puts what follows a parked message back in front of the buffer. */
export function putBack(part: HeldPartition, covered: readonly InMessage[], next: number): void {
  part.buffer = [...covered.filter(({ offset }) => offset >= next), ...part.buffer];
}
