/** A disk so small that a test can fill it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type SmallDisk = Readonly<{
  path: string;
  /** Takes all space that is left. */
  fill: () => Promise<void>;
  /** Gives it back. */
  free: () => Promise<void>;
  remove: () => Promise<void>;
}>;

/** Mounts a tmpfs of so many megabytes, which only root may do. @throws where mounting is not allowed */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'daybook-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${String(megabytes)}m,mode=755`, 'tmpfs', path]);
  } catch (error) {
    await rm(path, { recursive: true });
    throw error;
  }
  const filling = join(path, 'filling');
  return {
    path,
    fill: async () => {
      await writeFile(filling, Buffer.alloc(megabytes * 1_048_576), { flag: 'a' }).catch(noSpace);
    },
    free: () => rm(filling, { force: true }),
    remove: async () => {
      await run('umount', ['--lazy', path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Why no small disk can be had here; undefined where it can. */
export async function whyNoSmallDisk(): Promise<string | undefined> {
  return mountSmallDisk(1).then(
    async (disk) => {
      await disk.remove();
      return undefined;
    },
    (error: unknown) => (error instanceof Error ? error.message.split('\n')[0] : 'unknown'),
  );
}

/** All that was written stays: that is what fills the disk. */
function noSpace(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOSPC') throw error;
}
