/** One holder at a time of a lock file, by process id; what a killed process left is recognised and taken over. */
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

/** A lock that this process holds. */
export type HeldLock = Readonly<{
  /** Idempotent. */
  release: () => Promise<void>;
}>;

type Holder = Readonly<{ pid: number; started: string }>;

/**
 * Takes the lock, or answers with the id of the living process that has it. Atomic: the file appears whole, by a hard
 * link of a private one, so that of two takers one wins.
 */
export async function holdLock(
  path: string,
): Promise<Readonly<{ ok: true; lock: HeldLock }> | Readonly<{ ok: false; holder: number }>> {
  const own: Holder = { pid: process.pid, started: startOf(process.pid) ?? '' };
  const text = JSON.stringify(own);
  const mine = `${path}.${String(process.pid)}`;
  await writeFile(mine, text);
  try {
    for (;;) {
      const taken = await link(mine, path).then(
        () => true,
        (error: unknown) => {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
          throw error;
        },
      );
      if (taken) return { ok: true, lock: { release: () => release(path, text) } };
      const seen = await readFile(path, 'utf8').catch(() => '');
      const holder = parse(seen);
      if (holder !== undefined && isHolding(holder)) return { ok: false, holder: holder.pid };
      await clear(path, seen, mine);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Moves a dead process's lock aside. If another taker was faster, its fresh lock is put back. */
async function clear(path: string, seen: string, mine: string): Promise<void> {
  const aside = `${mine}.stale`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const moved = await readFile(aside, 'utf8').catch(() => '');
  if (moved !== seen) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function release(path: string, text: string): Promise<void> {
  const present = await readFile(path, 'utf8').catch(() => undefined);
  if (present === text) await rm(path, { force: true });
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}

function isHolding({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startOf(pid);
  // Process ids come round again, at once in a container: the same id with another start is another process.
  return now === undefined || started === '' || now === started;
}

/**
 * When a process began: the boot and the clock tick (field 22 of `/proc/<pid>/stat`, proc(5)). Undefined where the
 * system has no /proc.
 */
function startOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    // The command name in parentheses may hold spaces; fields are counted after it.
    return `${boot}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  } catch {
    return undefined;
  }
}
