/**
 * The log of the stand-in: what EventStoreDB promises of streams, revisions, ids and the order of `$all`, in memory. Rules
 * follow the server's sources (24.10 and 26.1): how an expectation is judged, when an append counts as a repeat, what a
 * deleted stream answers. It is a stand-in for tests and no store: nothing survives it but what `StoredLog` holds.
 */
import { randomUUID } from 'node:crypto';
import { idMemory } from './id-memory.ts';
import { deletion, goingOnAt, streamMetadata, visibleEvents } from './stream-metadata.ts';

export type StoredEvent = Readonly<{
  stream: string;
  /** `tombstone` for the last record of a stream that was deleted for good. */
  revision: number;
  /** Byte offset in the log, strictly increasing; commit and prepare position alike, as of appends of one write. */
  position: bigint;
  id: string;
  type: string;
  isJson: boolean;
  data: Uint8Array;
  metadata: Uint8Array;
  /** 100 ns since 1970. */
  created: bigint;
}>;

export type ProposedEvent = Pick<StoredEvent, 'id' | 'type' | 'isJson' | 'data' | 'metadata'>;

export type Expectation = number | 'any' | 'no-stream' | 'stream-exists';

export type Verdict =
  /** A repeat has no position where reads do not yield its last event any more. */
  | Readonly<{ kind: 'written' | 'repeat'; revision: number; position: bigint | undefined }>
  | Readonly<{ kind: 'wrong-expected-version'; current: number }>
  | Readonly<{ kind: 'stream-deleted' }>;

export type StoredLog = Readonly<{
  append(stream: string, expected: Expectation, proposed: readonly ProposedEvent[]): Verdict;
  /** Soft: the stream may begin anew, where its revisions left off. Hard: never again. */
  remove(stream: string, expected: Expectation, how: 'soft' | 'hard'): Verdict;
  /** Visible events; undefined for a missing or deleted stream, `tombstoned` for one that is gone for good. */
  read(stream: string): readonly StoredEvent[] | undefined | 'tombstoned';
  all(): readonly StoredEvent[];
  /** Index in `all` of the first event at or after a position; undefined where a record is cut through. */
  indexAt(position: bigint): number | undefined;
  /**
   * What is appended from here on is judged by, and shown to no reader: as what the cluster has not confirmed yet.
   * Answers with what confirms it.
   */
  hold(): () => void;
  /** Called after each write, until it is taken back by what it answers with. */
  onWrite(listener: () => void): () => void;
}>;

/** In place of a revision; the server counts it as the largest 64-bit integer. */
export const tombstone = Infinity;

function systemEvent(type: string, json: string): ProposedEvent {
  return { id: randomUUID(), type, isJson: true, data: Buffer.from(json), metadata: Buffer.from('') };
}

const isMetaOf = (stream: string): string | undefined =>
  stream.startsWith('$$') ? stream.slice(2) : undefined;

export function storedLog(): StoredLog {
  const all: StoredEvent[] = [];
  const streams = new Map<string, StoredEvent[]>();
  const tombstoned = new Set<string>();
  const remembered = idMemory();
  const listeners = new Set<() => void>();
  // Behind what a server writes about itself when it begins.
  let end = 1_234n;
  /** Where readers stop. */
  let shownTo: bigint | undefined;

  const eventsOf = (name: string): readonly StoredEvent[] => streams.get(name) ?? [];
  const lastOf = (name: string): number => eventsOf(name).length - 1;
  const lastMetadata = (name: string): StoredEvent | undefined => eventsOf(`$$${name}`).at(-1);
  const isSoftDeleted = (name: string): boolean => streamMetadata(lastMetadata(name)).softDeleted;

  function record(event: ProposedEvent, stream: string, revision: number): StoredEvent {
    const created = BigInt(Date.now()) * 10_000n;
    const recorded = { ...event, stream, revision, position: end, created };
    end += BigInt(96 + 2 * (stream.length + event.type.length) + event.data.length + event.metadata.length);
    all.push(recorded);
    return recorded;
  }

  function write(name: string, proposed: readonly ProposedEvent[]): StoredEvent {
    const events = streams.get(name) ?? [];
    streams.set(name, events);
    for (const each of proposed) {
      const event = record(each, name, events.length);
      events.push(event);
      remembered.add(event);
    }
    return events.at(-1) as StoredEvent;
  }

  /** What is written to a deleted stream, or to its metadata, brings it back: it begins behind what was deleted. */
  function writeAndRevive(name: string, proposed: readonly ProposedEvent[]): StoredEvent {
    const behind = lastOf(name) + 1;
    const deleted = isSoftDeleted(name);
    const original = isMetaOf(name);
    const deletedOriginal = original !== undefined && isSoftDeleted(original);
    const last = write(name, proposed);
    if (deleted) revive(name, behind);
    if (deletedOriginal) revive(original, lastOf(original) + 1);
    notify();
    return last;
  }

  function revive(name: string, at: number): void {
    write(`$$${name}`, [systemEvent('$metadata', goingOnAt(at, lastMetadata(name)))]);
  }

  function notify(): void {
    listeners.forEach((listener) => {
      listener();
    });
  }

  function judge(name: string, expected: Expectation, ids: readonly string[]): Verdict | 'write' {
    const current = lastOf(name);
    if (tombstoned.has(name)) return { kind: 'stream-deleted' };
    if (expected === 'stream-exists') {
      if (isSoftDeleted(name)) return { kind: 'stream-deleted' };
      // A stream that has metadata and no events is taken to be there.
      if (current < 0 && lastMetadata(name) === undefined) return { kind: 'wrong-expected-version', current };
    }
    if (expected === 'any' || expected === 'stream-exists') return judgeAny(name, current, ids);
    return judgeExact(name, expected === 'no-stream' ? -1 : expected, ids);
  }

  function judgeAny(name: string, current: number, ids: readonly string[]): Verdict | 'write' {
    const known = ids
      .map((id) => remembered.find(id))
      .map((event) => (event?.stream === name ? event : undefined));
    if (known[0] === undefined) return 'write';
    const last = known.at(-1);
    if (known.includes(undefined) || last === undefined) return { kind: 'wrong-expected-version', current };
    return repeatOf(last);
  }

  function judgeExact(name: string, asked: number, ids: readonly string[]): Verdict | 'write' {
    const events = eventsOf(name);
    const current = events.length - 1;
    if (asked === current) return 'write';
    if (asked > current) return { kind: 'wrong-expected-version', current };
    const [first, ...rest] = ids.map((id, index) => events[asked + 1 + index]?.id === id);
    // What was deleted begins anew as if it were not there, unless it is what was deleted.
    if (first !== true && asked === -1 && isSoftDeleted(name)) return 'write';
    const last = events[asked + ids.length];
    if (first !== true || rest.includes(false) || last === undefined) {
      return { kind: 'wrong-expected-version', current };
    }
    return repeatOf(last);
  }

  function repeatOf(last: StoredEvent): Verdict {
    const visible = read(last.stream);
    const shown = visible !== 'tombstoned' && visible?.includes(last) === true;
    return { kind: 'repeat', revision: last.revision, position: shown ? last.position : undefined };
  }

  function read(name: string): readonly StoredEvent[] | undefined | 'tombstoned' {
    if (tombstoned.has(name)) return 'tombstoned';
    const metadata = streamMetadata(lastMetadata(name));
    const events = eventsOf(name);
    if (events.length === 0 || metadata.softDeleted) return undefined;
    return visibleEvents(events, metadata).filter(isShown);
  }

  function isShown({ position }: StoredEvent): boolean {
    return shownTo === undefined || position < shownTo;
  }

  return {
    append: (name, expected, proposed) => {
      const ids = proposed.map(({ id }) => id);
      const verdict = judge(name, expected, ids);
      if (verdict !== 'write') return verdict;
      const { revision, position } = writeAndRevive(name, proposed);
      return { kind: 'written', revision, position };
    },
    remove: (name, expected, how) => {
      // A deletion is a record with an id of its own, judged as an append of it.
      const verdict = judge(name, expected, [randomUUID()]);
      if (verdict !== 'write') return verdict;
      if (how === 'soft' && lastOf(name) < 0 && lastMetadata(name) === undefined) {
        return { kind: 'wrong-expected-version', current: -1 };
      }
      const deleted =
        how === 'soft'
          ? write(`$$${name}`, [systemEvent('$metadata', deletion)])
          : record(systemEvent('$streamDeleted', ''), name, tombstone);
      if (how === 'hard') tombstoned.add(name);
      notify();
      return { kind: 'written', revision: deleted.revision, position: deleted.position };
    },
    read,
    all: () => (shownTo === undefined ? all : all.filter(isShown)),
    hold: () => {
      shownTo = end;
      return () => {
        shownTo = undefined;
        notify();
      };
    },
    indexAt: (position) => {
      let [low, high] = [0, all.length];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((all[middle] as StoredEvent).position < position) low = middle + 1;
        else high = middle;
      }
      const found = all[low];
      return found === undefined || low === 0 || found.position === position ? low : undefined;
    },
    onWrite: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
