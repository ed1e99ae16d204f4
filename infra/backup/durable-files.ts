import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes a new file, of a text or of its parts as they come, and flushes it. */
export async function writeDurably(path: string, text: string | AsyncIterable<string>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await writeFile(file, text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Copies a file to a place where none is, and flushes it. Shares blocks where the file system can. The file has its name
 * only once it is whole: what a death leaves beside it, as `.part`, the next copy replaces. The copy is its owner's to
 * read and write, whatever the original is.
 * @throws EEXIST where there is a file
 */
export async function copyDurably(from: string, to: string): Promise<void> {
  const isTaken = await access(to).then(
    () => true,
    () => false,
  );
  if (isTaken) throw Object.assign(new Error('There is a file already.'), { code: 'EEXIST', path: to });
  const part = `${to}.part`;
  await rm(part, { force: true });
  await copyFile(from, part, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  await chmod(part, 0o600);
  const file = await open(part, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, to);
}

/** Makes a folder, and those above it, for nobody else to read. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** Flushes the names in a folder, and the folder's own name. */
export async function syncFolder(path: string): Promise<void> {
  for (const folder of [path, dirname(path)]) {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
