/** Bits of the filter: 2 MiB, good for some 1.5 million rows at one wrong yes in a hundred. */
const filterBits = 2 ** 24;

/** Bits set for one row. */
const bitsPerRow = 5;

/**
 * Which rows were written, in bounded memory (a Bloom filter): `no` is certain, `yes` is likely. A fold into a table that
 * was empty need not ask the table for rows that were never seen.
 */
export type SeenRows = Readonly<{ add: (id: string) => void; has: (id: string) => boolean }>;

/** A filter that has seen no row. */
export function seenRows(): SeenRows {
  const words = new Uint32Array(filterBits / 32);
  return {
    add: (id) => {
      let bit = firstHash(id);
      const step = secondHash(id);
      for (let n = 0; n < bitsPerRow; n += 1, bit = (bit + step) >>> 0) {
        const word = (bit % filterBits) >>> 5;
        words[word] = (words[word] ?? 0) | (1 << (bit & 31));
      }
    },
    has: (id) => {
      let bit = firstHash(id);
      const step = secondHash(id);
      for (let n = 0; n < bitsPerRow; n += 1, bit = (bit + step) >>> 0) {
        if (((words[(bit % filterBits) >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
      }
      return true;
    },
  };
}

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/); the bits of a row come from two hashes. */
function firstHash(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** Odd, so that the bits of a row differ. */
function secondHash(id: string): number {
  let hash = 0;
  for (let index = id.length - 1; index >= 0; index -= 1) {
    hash = (Math.imul(hash, 31) + id.charCodeAt(index)) | 0;
  }
  return (hash | 1) >>> 0;
}
