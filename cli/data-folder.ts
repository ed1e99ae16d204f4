/** The folder that holds everything one installation keeps on disk. */
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readFile, readdir, readlink, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { holdLock, type HeldLock } from './folder-lock.ts';

/** Raised when what stands in the folder changes in a way that an older Daybook cannot read. */
export const folderFormat = 1;

/** Where the data folder is when nobody says. */
export const defaultFolder = '.daybook';

/** A data folder that was checked. Paths are absolute. */
export type DataFolder = Readonly<{
  path: string;
  /** True when this call made it. */
  created: boolean;
}>;

/** The folder of an invocation: `--data`, else `DAYBOOK_DATA`, else `.daybook` in the working directory. */
export function folderPath(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  const named = option ?? environment['DAYBOOK_DATA'];
  return resolve(named === undefined || named === '' ? defaultFolder : named);
}

/**
 * Makes the folder, or checks that it is one of ours, of this format and writable.
 * @throws `data-folder-unusable` with a sentence that says what to do
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const created = !existsSync(path);
  try {
    await mkdir(path, { recursive: true, mode: 0o755 });
    await access(path, constants.W_OK | constants.X_OK);
    const entries = await readdir(path);
    if (entries.includes('version.json')) await checkVersion(path);
    else await claim(path, entries);
  } catch (error) {
    throw unusable(path, error);
  }
  return { path, created };
}

/**
 * Holds the folder for this process until released; a lock left by a killed process is taken over.
 * @throws `data-folder-unusable` when a living process holds it
 */
export async function lockDataFolder(folder: DataFolder): Promise<HeldLock> {
  const held = await holdLock(join(folder.path, 'lock'));
  if (held.ok) return held.lock;
  throw new DaybookError(
    'data-folder-unusable',
    `Another Daybook (process ${String(held.holder)}) is running in ${folder.path}. Stop it first, or give this one another folder with --data.`,
    { fields: { holder: held.holder } },
  );
}

/** A name that one living process has at a time, and has again when it starts anew. */
export type HeldName = HeldLock & Readonly<{ instance: string }>;

/**
 * Holds the name of a service that runs apart, until released. Undefined where another process of this folder has it: a
 * second one of a kind goes without. Lock files count process ids, so the name tells hosts, and the namespaces of
 * containers that share a folder, apart.
 */
export async function holdServiceName(folder: DataFolder, service: string): Promise<HeldName | undefined> {
  const held = await holdLock(join(folder.path, `lock.${service}`));
  if (!held.ok) return undefined;
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return { ...held.lock, instance: [hostname(), namespace, folder.path, service].join(' ') };
}

/**
 * Refuses a folder in which no Daybook ever ran, and leaves it as it is.
 * @throws `data-folder-unusable` with a sentence that says what to do
 */
export function expectDaybook(path: string): void {
  if (existsSync(join(path, 'version.json')) && existsSync(join(path, 'postgres'))) return;
  throw new DaybookError(
    'data-folder-unusable',
    `There is no Daybook in ${path}. Start one there with "daybook up --data ${path}", or name the folder of another with --data.`,
  );
}

async function checkVersion(path: string): Promise<void> {
  const text = await readFile(join(path, 'version.json'), 'utf8');
  const format = formatOf(text);
  if (format === folderFormat) return;
  throw new DaybookError(
    'data-folder-unusable',
    format === undefined
      ? `The file ${join(path, 'version.json')} cannot be read. Restore it, or use another folder with --data.`
      : `The folder ${path} has format ${String(format)}, and this Daybook reads format ${String(folderFormat)}. ` +
          (format > folderFormat
            ? 'Use the newer Daybook that made it, or another folder with --data.'
            : 'Use the older Daybook that made it, or another folder with --data.'),
    { fields: { format } },
  );
}

function formatOf(text: string): number | undefined {
  try {
    const { format } = JSON.parse(text) as { format?: unknown };
    return typeof format === 'number' ? format : undefined;
  } catch {
    return undefined;
  }
}

async function claim(path: string, entries: readonly string[]): Promise<void> {
  // A first start that was killed half-way leaves these behind; anything else is somebody else's folder.
  const foreign = entries.filter((entry) => !/^(lock$|lock\.|version\.json)/.test(entry));
  if (foreign.length > 0) {
    throw new DaybookError(
      'data-folder-unusable',
      `The folder ${path} is not empty and holds no Daybook. Name an empty or a new folder with --data.`,
    );
  }
  const file = join(path, 'version.json');
  // A name of one's own: services that start side by side claim the folder at once.
  const own = `${file}.${String(process.pid)}.new`;
  await writeFile(own, `${JSON.stringify({ format: folderFormat })}\n`);
  await rename(own, file);
}

function unusable(path: string, error: unknown): DaybookError {
  if (error instanceof DaybookError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const why: Readonly<Record<string, string>> = {
    EACCES: 'it is not writable for this user',
    EPERM: 'it is not writable for this user',
    EROFS: 'it is on a read-only disk',
    ENOTDIR: 'a part of its path is a file',
    EEXIST: 'it is a file',
    ENOSPC: 'the disk is full',
  };
  const reason = why[code ?? ''] ?? `of an error (${code ?? 'unknown'})`;
  return new DaybookError(
    'data-folder-unusable',
    `The folder ${path} cannot be used: ${reason}. Name another one with --data or DAYBOOK_DATA.`,
    { cause: error },
  );
}
