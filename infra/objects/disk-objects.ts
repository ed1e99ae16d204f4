import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { ObjectStore } from '@daybook/kernel/ports/outside.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { compressed, objectHash, uncompressed } from './compressed.ts';

const hashShape = /^[0-9a-f]{64}$/;

/**
 * Objects as zstd files named by their hash, in 256 folders by its first two digits. A file appears whole or not at all:
 * it is written beside its place, flushed, and renamed into it. What is read is hashed again; an object that does not
 * match its name is removed, so that the next `put` of the same bytes restores it.
 */
export function diskObjects(folder: string): ObjectStore {
  const made = new Map<string, Promise<unknown>>();
  const folderOf = async (hash: string): Promise<string> => {
    const path = join(folder, hash.slice(0, 2));
    const making = made.get(path) ?? mkdir(path, { recursive: true });
    made.set(path, making);
    await making.catch((cause: unknown) => {
      made.delete(path);
      throw unusable(cause);
    });
    return path;
  };
  const store = async (hash: string, bytes: Uint8Array): Promise<void> => {
    const path = join(await folderOf(hash), `${hash}.zst`);
    const present = await stat(path).then(
      () => true,
      () => false,
    );
    if (!present) await writeWhole(path, await compressed(bytes));
  };
  return {
    put: async (bytes) => {
      const hash = objectHash(bytes);
      await store(hash, bytes).catch((error: unknown) => {
        if (!isGone(error)) throw error;
        // Somebody removed the folder since it was made, as after its objects were moved away.
        made.delete(join(folder, hash.slice(0, 2)));
        return store(hash, bytes);
      });
      return hash;
    },
    get: async (hash) => {
      if (!hashShape.test(hash)) return null;
      const path = join(folder, hash.slice(0, 2), `${hash}.zst`);
      const frame = await readFile(path).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw unusable(error);
      });
      if (frame === null) return null;
      const bytes = await uncompressed(frame).catch(() => null);
      if (bytes !== null && objectHash(bytes) === hash) return bytes;
      await rm(path, { force: true });
      return null;
    },
  };
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.${randomUUID()}`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      // Without it a power cut may leave a renamed file without its bytes.
      await file.datasync();
    } finally {
      await file.close();
    }
    await failpoint('objects.renaming');
    await rename(beside, path);
    await failpoint('objects.renamed');
  } catch (cause) {
    await rm(beside, { force: true });
    throw unusable(cause);
  }
}

/** Whether a folder that was to be written into is not there. */
function isGone(error: unknown): boolean {
  return isDaybookError(error) && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

function unusable(cause: unknown): DaybookError {
  return new DaybookError('data-folder-unusable', 'The folder of stored objects cannot be read or written.', {
    retry: 'later',
    cause,
  });
}
