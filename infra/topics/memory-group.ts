import type { InMessage, SetAsideMessage } from '@daybook/kernel/ports/topics.ts';
import {
  releaseWindow,
  waitsBehind,
  type Claim,
  type GroupLedger,
  type Held,
  type LetterSettlement,
  type Membership,
  type Settlement,
} from './group-ledger.ts';
import type { Member } from './topic-engine.ts';

/** A message set aside, until it is handled after its release. */
export type MemoryLetter = {
  readonly id: number;
  readonly topic: string;
  readonly group: string;
  readonly message: InMessage;
  /** Of a message that did not come by the topic. */
  readonly messageId?: string;
  parkedAt: string;
  /** When it was parked first; absent where it was never tried. */
  firstParkedAt?: string;
  parked: boolean;
  reason: string;
  attempt: number;
  released: boolean;
};

type Cursor = { owner: string | null; epoch: number; next: number } & {
  attempts: number;
  triedTo: number;
  notBefore: number;
};

type Present = Member & { expiresAt: number };

/** What a group knows of a topic. */
export type MemoryGroup = {
  readonly topic: string;
  readonly name: string;
  readonly log: readonly (readonly InMessage[])[];
  readonly cursors: readonly Cursor[];
  readonly members: Map<string, Present>;
  /** Ordered by id; `nextLetter` gives ids unique over all groups. */
  letters: MemoryLetter[];
  readonly nextLetter: () => number;
  readonly now: () => string;
};

/** A group that begins at the first message of every partition. */
export function makeMemoryGroup(
  fields: Pick<MemoryGroup, 'topic' | 'name' | 'log' | 'nextLetter' | 'now'>,
): MemoryGroup {
  return {
    ...fields,
    cursors: fields.log.map(() => ({
      owner: null,
      epoch: 0,
      next: 0,
      attempts: 0,
      triedTo: 0,
      notBefore: 0,
    })),
    members: new Map(),
    letters: [],
  };
}

/** The ledger of one member. Leases run by the process's monotonic clock. */
export function memoryLedger(group: MemoryGroup, member: Member): GroupLedger {
  const owned = ({ partition, epoch }: Claim): Cursor | undefined => {
    const cursor = group.cursors[partition];
    return cursor?.owner === member.id && cursor.epoch === epoch ? cursor : undefined;
  };
  const ofPartition = (partition: number): MemoryLetter[] =>
    group.letters.filter(({ message }) => message.partition === partition);
  return {
    sync: async (first) => synchronise(group, member, first),
    blockedKeys: async (partition) => [...new Set(ofPartition(partition).map(({ message }) => message.key))],
    fetch: async (wants, limit) =>
      wants.flatMap(({ partition, from, letters }) => {
        const messages = group.log[partition]?.slice(from, from + limit) ?? [];
        const released = letters ? ofPartition(partition).filter((letter) => letter.released) : [];
        if (messages.length + released.length === 0) return [];
        return {
          partition,
          messages,
          letters: released
            .sort((a, b) => a.message.offset - b.message.offset)
            .slice(0, limit)
            .map(({ id, message, attempt }) => ({ id, message: { ...message, attempt: attempt + 1 } })),
        };
      }),
    commit: async (moves) =>
      new Set(
        moves.flatMap((move) => {
          const cursor = owned(move);
          if (cursor === undefined) return [];
          Object.assign(cursor, { next: move.next, attempts: 0, triedTo: 0, notBefore: 0 });
          return move.partition;
        }),
      ),
    settle: async (settlement) => {
      const cursor = owned(settlement);
      if (cursor === undefined) return false;
      Object.assign(cursor, { next: settlement.next, attempts: 0, triedTo: 0, notBefore: 0 });
      setAside(group, settlement);
      return true;
    },
    settleLetters: async (settlement) =>
      owned(settlement) === undefined ? null : settleLetters(group, settlement),
    defer: async (deferral) => {
      const cursor = owned(deferral);
      if (cursor === undefined) return false;
      const { attempts, triedTo, afterMs, letters } = deferral;
      Object.assign(cursor, { attempts, triedTo, notBefore: performance.now() + afterMs });
      for (const letter of group.letters) if (letters.includes(letter.id)) letter.attempt += 1;
      return true;
    },
    giveUp: async (claim) => {
      const cursor = owned(claim);
      if (cursor !== undefined) cursor.owner = null;
    },
    leave: async () => {
      remove(group, member.id, false);
    },
  };
}

function synchronise(group: MemoryGroup, member: Member, first: boolean): Membership {
  const now = performance.now();
  group.members.set(member.id, { ...member, expiresAt: now + member.leaseMs });
  for (const other of group.members.values()) {
    const replaced = first && member.instance !== null && other.instance === member.instance;
    if (other.id !== member.id && (other.expiresAt <= now || replaced)) remove(group, other.id, true);
  }
  const rank = [...group.members.keys()].indexOf(member.id);
  const { length } = group.cursors;
  const share = Math.floor(length / group.members.size) + (rank < length % group.members.size ? 1 : 0);
  let mine = group.cursors.filter(({ owner }) => owner === member.id).length;
  for (const cursor of group.cursors) {
    if (cursor.owner !== null || mine >= share) continue;
    cursor.owner = member.id;
    cursor.epoch += 1;
    mine += 1;
  }
  const held = group.cursors.flatMap(
    ({ owner, epoch, next, attempts, triedTo, notBefore }, partition): Held[] =>
      owner === member.id
        ? [{ partition, epoch, next, attempts, triedTo, waitMs: Math.max(0, notBefore - now) }]
        : [],
  );
  return { held, share };
}

/** Frees what a member held. Where it died, the message it may have had in hand counts as delivered once. */
function remove(group: MemoryGroup, id: string, died: boolean): void {
  group.members.delete(id);
  group.cursors.forEach((cursor, partition) => {
    if (cursor.owner !== id) return;
    cursor.owner = null;
    if (died && cursor.next < (group.log[partition]?.length ?? 0)) {
      cursor.attempts += 1;
      cursor.triedTo = Math.max(cursor.triedTo, cursor.next + 1);
    }
  });
}

function setAside(group: MemoryGroup, { partition, waiting, parked }: Settlement): void {
  const at = group.now();
  const add = (offset: number, fields: Pick<MemoryLetter, 'reason' | 'attempt' | 'parked'>): void => {
    const message = group.log[partition]?.[offset];
    if (message === undefined) return;
    addLetter(group, { message, parkedAt: at, ...fields, ...(fields.parked ? { firstParkedAt: at } : {}) });
  };
  if (parked !== undefined) add(parked.offset, { ...parked, parked: true });
  for (const offset of waiting) add(offset, { reason: waitsBehind, attempt: 0, parked: false });
  letGo(
    group,
    waiting.map((offset) => group.log[partition]?.[offset]?.key ?? ''),
  );
}

function addLetter(
  group: MemoryGroup,
  fields: Omit<MemoryLetter, 'id' | 'topic' | 'group' | 'released'>,
): void {
  const { topic, name, nextLetter } = group;
  group.letters.push({ id: nextLetter(), topic, group: name, released: false, ...fields });
}

/** Of keys that nothing parked blocks, lets the next letters go, in order, up to a window a key. */
function letGo(group: MemoryGroup, keys: readonly string[]): void {
  for (const key of new Set(keys)) {
    const letters = lettersOfKey(group, key);
    if (letters.some(({ parked, released }) => parked && !released)) continue;
    const underWay = letters.filter(({ released }) => released).length;
    if (underWay > releaseWindow / 2) continue;
    const next = letters.filter(({ released }) => !released).slice(0, releaseWindow - underWay);
    for (const letter of next) letter.released = true;
  }
}

function lettersOfKey({ letters }: MemoryGroup, key: string): MemoryLetter[] {
  return letters
    .filter(({ message }) => message.key === key)
    .sort((a, b) => a.message.offset - b.message.offset);
}

function settleLetters(group: MemoryGroup, { handled, keys, parked }: LetterSettlement): readonly string[] {
  group.letters = group.letters.filter(({ id }) => !handled.includes(id));
  const letter = group.letters.find(({ id }) => id === parked?.id);
  if (letter !== undefined && parked !== undefined) {
    const at = group.now();
    const firstParkedAt = letter.firstParkedAt ?? at;
    Object.assign(letter, {
      reason: parked.reason,
      attempt: parked.attempt,
      parked: true,
      parkedAt: at,
      firstParkedAt,
    });
    for (const other of group.letters) if (other.message.key === letter.message.key) other.released = false;
  }
  letGo(group, keys);
  const left = new Set(group.letters.map(({ message }) => message.key));
  return keys.filter((key) => !left.has(key));
}

/** Hands the key of a letter back. */
export function releaseLetter(group: MemoryGroup, { message: { key } }: MemoryLetter): void {
  for (const letter of lettersOfKey(group, key)) if (letter.parked) letter.released = true;
  letGo(group, [key]);
}

/** Gives a parked letter up; false, and nothing done, for one that is not parked. */
export function skipLetter(group: MemoryGroup, { id, message, parked, released }: MemoryLetter): boolean {
  if (!parked || released) return false;
  group.letters = group.letters.filter((letter) => letter.id !== id);
  letGo(group, [message.key]);
  return true;
}

/** Sets messages aside that did not come by the topic. */
export function setMessagesAside(
  group: MemoryGroup,
  messages: readonly (SetAsideMessage & { partition: number })[],
): void {
  const at = group.now();
  for (const { id, reason, ...message } of messages) {
    if (group.letters.some(({ messageId }) => messageId === id)) continue;
    const parked = !group.letters.some((letter) => letter.message.key === message.key);
    const offset = group.letters.reduce(
      (most, letter) => (letter.message.offset < 0 ? Math.max(most, letter.message.offset) : most),
      beforeAll,
    );
    addLetter(group, {
      message: { ...message, offset: offset + 1, publishedAt: at, attempt: 1 },
      messageId: id,
      parkedAt: at,
      parked,
      attempt: parked ? 1 : 0,
      reason: parked ? reason : waitsBehind,
      ...(parked ? { firstParkedAt: at } : {}),
    });
  }
  letGo(
    group,
    messages.map(({ key }) => key),
  );
}

/** Below the offset of every message that is set aside without having come by the topic. */
const beforeAll = -(2 ** 52);
