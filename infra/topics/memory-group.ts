import type { InMessage } from '@daybook/kernel/ports/topics.ts';
import {
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
  readonly parkedAt: string;
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
  const add = (offset: number, fields: Pick<MemoryLetter, 'reason' | 'attempt' | 'released'>): void => {
    const message = group.log[partition]?.[offset];
    if (message === undefined) return;
    const { topic, name, nextLetter, now } = group;
    group.letters.push({ id: nextLetter(), topic, group: name, message, parkedAt: now(), ...fields });
  };
  if (parked !== undefined) add(parked.offset, { ...parked, released: false });
  for (const offset of waiting) {
    const key = group.log[partition]?.[offset]?.key;
    const parkedKey = group.letters.some(({ message, released }) => message.key === key && !released);
    add(offset, { reason: waitsBehind, attempt: 0, released: !parkedKey });
  }
}

function settleLetters(group: MemoryGroup, { handled, keys, parked }: LetterSettlement): readonly string[] {
  group.letters = group.letters.filter(({ id }) => !handled.includes(id));
  const letter = group.letters.find(({ id }) => id === parked?.id);
  if (letter !== undefined && parked !== undefined) {
    Object.assign(letter, { reason: parked.reason, attempt: parked.attempt });
    for (const other of group.letters) if (other.message.key === letter.message.key) other.released = false;
  }
  const left = new Set(group.letters.map(({ message }) => message.key));
  return keys.filter((key) => !left.has(key));
}
