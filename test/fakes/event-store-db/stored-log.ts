/**
 * The log of the stand-in: what EventStoreDB promises of streams, revisions, ids and the order of `$all`, in memory. Rules
 * follow the server's sources (version 24): how an expectation is judged, when an append counts as a repeat, what a deleted
 * stream answers. It is a stand-in for tests and no store: nothing survives it but what `StoredLog` holds.
 */

export type StoredEvent = Readonly<{
  stream: string;
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
  | Readonly<{ kind: 'written' | 'repeat'; revision: number; position: bigint }>
  | Readonly<{ kind: 'wrong-expected-version'; current: number }>
  | Readonly<{ kind: 'stream-deleted' }>;

type Stream = {
  events: StoredEvent[];
  /** First revision that reads yield: what stands before was deleted. */
  truncateBefore: number;
  state: 'there' | 'deleted' | 'tombstoned';
};

export type StoredLog = Readonly<{
  append(stream: string, expected: Expectation, proposed: readonly ProposedEvent[]): Verdict;
  /** Soft: the stream may begin anew, where its revisions left off. Hard: never again. */
  remove(stream: string, expected: Expectation, how: 'soft' | 'hard'): Verdict;
  /** Visible events; undefined for a missing or deleted stream, `tombstoned` for one that is gone for good. */
  read(stream: string): readonly StoredEvent[] | undefined | 'tombstoned';
  all(): readonly StoredEvent[];
  /** Index in `all` of the first event at or after a position; undefined where a record is cut through. */
  indexAt(position: bigint): number | undefined;
  /** Called after each write, until it is taken back by what it answers with. */
  onWrite(listener: () => void): () => void;
}>;

/** Ids that the server remembers for appends that expect anything; older ones it has forgotten. */
const rememberedIds = 1_000_000;

/** Behind every revision: near the largest 64-bit integer, which the server takes for it. */
const endOfStream = Number.MAX_SAFE_INTEGER;

function systemEvent(type: string, data: object): ProposedEvent {
  const bytes = Buffer.from(JSON.stringify(data));
  return { id: crypto.randomUUID(), type, isJson: true, data: bytes, metadata: Buffer.from('') };
}

export function storedLog(): StoredLog {
  const all: StoredEvent[] = [];
  const streams = new Map<string, Stream>();
  const remembered = new Map<string, StoredEvent>();
  const listeners = new Set<() => void>();
  // Behind what a server writes about itself when it begins.
  let end = 1_234n;

  function streamOf(name: string): Stream {
    let stream = streams.get(name);
    if (stream === undefined) streams.set(name, (stream = { events: [], truncateBefore: 0, state: 'there' }));
    return stream;
  }

  function write(name: string, proposed: readonly ProposedEvent[]): StoredEvent {
    const stream = streamOf(name);
    const created = BigInt(Date.now()) * 10_000n;
    for (const each of proposed) {
      const event = { ...each, stream: name, revision: stream.events.length, position: end, created };
      end += BigInt(96 + 2 * (name.length + each.type.length) + each.data.length + each.metadata.length);
      stream.events.push(event);
      all.push(event);
      remembered.set(each.id, event);
      if (remembered.size > rememberedIds) remembered.delete(remembered.keys().next().value as string);
    }
    stream.state = 'there';
    listeners.forEach((listener) => {
      listener();
    });
    return all.at(-1) as StoredEvent;
  }

  /** The last record of a stream, which only `$all` shows. */
  function tombstone(name: string): void {
    const created = BigInt(Date.now()) * 10_000n;
    const event = systemEvent('$streamDeleted', {});
    all.push({ ...event, stream: name, revision: endOfStream, position: end, created });
    end += BigInt(96 + 2 * name.length);
  }

  function judge(name: string, expected: Expectation, ids: readonly string[]): Verdict | 'write' {
    const { events, state } = streams.get(name) ?? { events: [], state: 'there' };
    const current = events.length - 1;
    if (state === 'tombstoned') return { kind: 'stream-deleted' };
    if (expected === 'stream-exists') {
      if (state === 'deleted') return { kind: 'stream-deleted' };
      if (current < 0) return { kind: 'wrong-expected-version', current };
    }
    if (expected === 'any' || expected === 'stream-exists') return judgeAny(name, current, ids);
    const asked = expected === 'no-stream' ? -1 : expected;
    // What was deleted begins anew as if it were not there.
    if (state === 'deleted' && (asked === -1 || asked === current)) return 'write';
    if (asked > current) return { kind: 'wrong-expected-version', current };
    if (asked === current) return 'write';
    const known = ids.map((id, index) => events[asked + 1 + index]?.id === id);
    const last = events[asked + ids.length];
    return known.every(Boolean) && last !== undefined
      ? { kind: 'repeat', revision: last.revision, position: last.position }
      : { kind: 'wrong-expected-version', current };
  }

  function judgeAny(name: string, current: number, ids: readonly string[]): Verdict | 'write' {
    const known = ids
      .map((id) => remembered.get(id))
      .map((event) => (event?.stream === name ? event : undefined));
    if (known[0] === undefined) return 'write';
    const last = known.at(-1);
    return known.includes(undefined) || last === undefined
      ? { kind: 'wrong-expected-version', current }
      : { kind: 'repeat', revision: last.revision, position: last.position };
  }

  return {
    append: (name, expected, proposed) => {
      const verdict = judge(
        name,
        expected,
        proposed.map(({ id }) => id),
      );
      if (verdict !== 'write') return verdict;
      const { revision, position } = write(name, proposed);
      return { kind: 'written', revision, position };
    },
    remove: (name, expected, how) => {
      const verdict = judge(name, expected, []);
      if (verdict !== 'write' && verdict.kind !== 'repeat') return verdict;
      const stream = streamOf(name);
      if (how === 'soft') {
        stream.state = 'deleted';
        stream.truncateBefore = stream.events.length;
        write(`$$${name}`, [systemEvent('$metadata', { $tb: endOfStream })]);
      } else {
        stream.state = 'tombstoned';
        tombstone(name);
      }
      return { kind: 'written', revision: stream.events.length - 1, position: end };
    },
    read: (name) => {
      const stream = streams.get(name);
      if (stream === undefined || stream.state === 'deleted') return undefined;
      if (stream.state === 'tombstoned') return 'tombstoned';
      return stream.events.length === 0 ? undefined : stream.events.slice(stream.truncateBefore);
    },
    all: () => all,
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
