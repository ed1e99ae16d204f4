import type { Position, Revision, StreamName } from '@daybook/kernel/event.ts';
import type { PreparedCommand } from '@daybook/kernel/command.ts';

/** A stream folded up to one of its events. */
export type KeptState = Readonly<{
  tenantId: string;
  /** Frozen. Folded from events as the log holds them: what is sealed is sealed. */
  state: unknown;
  revision: Revision;
  position: Position;
  /** Of the event at `revision`: a log that has another one there is another log. */
  eventId: string;
  /** True where the stream is known to have gone on since. */
  behind: boolean;
  /** Revision of the last snapshot that was written or asked for; -1 without one. */
  snapshotRevision: Revision;
}>;

/** What tells states of different folds apart, and their streams. */
export type FoldOf = Pick<PreparedCommand, 'stream' | 'decider'>;

/** Recent states of streams, in this process. A hint: what it says is confirmed by the log before it counts. */
export type StateCache = Readonly<{
  get(of: FoldOf): KeptState | undefined;
  /** Keeps a state, unless a later one of the stream is kept. Freezes it. */
  put(of: FoldOf, kept: KeptState): void;
  /** The stream has events after what is kept. */
  outdate(of: FoldOf): void;
  drop(of: FoldOf): void;
}>;

export type StateCacheLimits = Readonly<{
  /** Most streams. Default 50 000. */
  maxStreams?: number;
  /** Most bytes of all states together, as estimated. Default 64 MiB. */
  maxBytes?: number;
}>;

type Entry = Readonly<{ decider: object; kept: KeptState; bytes: number }>;

/** What an entry costs beside its state: the object, its strings, its place in the map. Measured: 0.5 KiB. */
const entryBytes = 512;

/**
 * A bounded cache: the stream that was put longest ago makes room; every use of a state ends in a `put`. A state larger than a quarter of the whole is not kept.
 */
export function makeStateCache({
  maxStreams = 50_000,
  maxBytes = 64 * 1024 * 1024,
}: StateCacheLimits = {}): StateCache {
  const entries = new Map<StreamName, Entry>();
  let bytes = 0;

  function drop({ stream }: FoldOf): void {
    const entry = entries.get(stream);
    if (entry === undefined) return;
    entries.delete(stream);
    bytes -= entry.bytes;
  }

  function find({ stream, decider }: FoldOf): Entry | undefined {
    const entry = entries.get(stream);
    return entry?.decider === decider ? entry : undefined;
  }

  function keep({ stream }: FoldOf, entry: Entry): void {
    entries.set(stream, entry);
    bytes += entry.bytes;
    for (const [oldest, { bytes: freed }] of entries) {
      if (entries.size <= maxStreams && bytes <= maxBytes) break;
      entries.delete(oldest);
      bytes -= freed;
    }
  }

  return {
    get: (of) => find(of)?.kept,
    put: (of, kept) => {
      const before = find(of)?.kept;
      if (before !== undefined && before.revision > kept.revision) return;
      drop(of);
      const own = entryBytes + frozenBytes(kept.state);
      if (own * 4 <= maxBytes) keep(of, { decider: of.decider, kept, bytes: own });
    },
    outdate: (of) => {
      const entry = find(of);
      if (entry !== undefined) entries.set(of.stream, { ...entry, kept: { ...entry.kept, behind: true } });
    },
    drop,
  };
}

/** Freezes a value to its depths, so that a fold or a rule that changes what is shared fails instead. */
function frozenBytes(value: unknown): number {
  if (typeof value === 'string') return 24 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  Object.freeze(value);
  let bytes = 32;
  if (Array.isArray(value)) for (const item of value) bytes += 8 + frozenBytes(item);
  else for (const key in value) bytes += 16 + frozenBytes((value as Record<string, unknown>)[key]);
  return bytes;
}
