import { LRUCache } from 'lru-cache';
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

type Entry = Readonly<{ decider: object; kept: KeptState }>;

/** What an entry costs beside its state: the object, its strings, its place in the map. Measured: 0.5 KiB. */
const entryBytes = 512;

/**
 * A bounded cache: the stream that was used longest ago makes room. A state larger than a quarter of the whole is not
 * kept.
 */
export function makeStateCache({
  maxStreams = 50_000,
  maxBytes = 64 * 1024 * 1024,
}: StateCacheLimits = {}): StateCache {
  const entries = new LRUCache<StreamName, Entry>({ max: maxStreams, maxSize: Math.max(maxBytes, 1) });

  function find({ stream, decider }: FoldOf): KeptState | undefined {
    const entry = entries.get(stream);
    return entry?.decider === decider ? entry.kept : undefined;
  }

  return {
    get: find,
    put: (of, kept) => {
      const before = find(of);
      if (before !== undefined && before.revision > kept.revision) return;
      const size = entryBytes + frozenBytes(kept.state);
      if (size * 4 <= maxBytes) entries.set(of.stream, { decider: of.decider, kept }, { size });
      else entries.delete(of.stream);
    },
    outdate: (of) => {
      const kept = find(of);
      if (kept !== undefined && !kept.behind) {
        const size = entryBytes + frozenBytes(kept.state);
        entries.set(of.stream, { decider: of.decider, kept: { ...kept, behind: true } }, { size });
      }
    },
    drop: ({ stream }) => {
      entries.delete(stream);
    },
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
