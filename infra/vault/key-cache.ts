/** Values that are dear to load, kept for a short while. */
export type KeyCache<V> = Readonly<{
  /** The kept value, or the loaded one. Callers at the same time share one load; a failed load is not kept. */
  get: (key: string, load: () => Promise<V>) => Promise<V>;
  forget: (key: string) => void;
}>;

/**
 * A bounded cache whose entries live `ttlMs` from their load on, however often they are used: what changed elsewhere
 * is seen after that time at the latest. The entry unused for longest makes room.
 * @param now milliseconds of a clock that never goes back
 */
export function keyCache<V>(options: { size: number; ttlMs: number; now: () => number }): KeyCache<V> {
  const entries = new Map<string, Readonly<{ value: Promise<V>; until: number }>>();

  return {
    get(key, load) {
      const kept = entries.get(key);
      entries.delete(key);
      if (kept !== undefined && kept.until > options.now()) {
        entries.set(key, kept);
        return kept.value;
      }
      const entry = { value: load(), until: options.now() + options.ttlMs };
      entries.set(key, entry);
      entry.value.catch(() => {
        if (entries.get(key) === entry) entries.delete(key);
      });
      for (const oldest of entries.keys()) {
        if (entries.size <= options.size) break;
        entries.delete(oldest);
      }
      return entry.value;
    },
    forget(key) {
      entries.delete(key);
    },
  };
}
