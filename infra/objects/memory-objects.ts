import type { ObjectStore } from '@daybook/kernel/ports/outside.ts';
import { objectHash } from './compressed.ts';

/** Objects in memory, for tests. */
export function memoryObjects(): ObjectStore {
  const objects = new Map<string, Uint8Array>();
  return {
    put: (bytes) => {
      const hash = objectHash(bytes);
      objects.set(hash, Uint8Array.from(bytes));
      return Promise.resolve(hash);
    },
    get: (hash) => {
      const bytes = objects.get(hash);
      return Promise.resolve(bytes === undefined ? null : Uint8Array.from(bytes));
    },
  };
}
