import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { copyDurably, makeFolder, syncFolder, writeDurably } from './durable-files.ts';
import type { Manifest } from './manifest.ts';
import { fileFacts, type FileFacts } from './table-copy.ts';

/** A stored object's file, by its path below the folder of objects (`ab/ab….zst`). */
type ListedObject = FileFacts & Readonly<{ path: string }>;

const pathShape = /^([0-9a-f]{2})\/\1[0-9a-f]{62}\.zst$/;
const folderName = 'objects';
const listName = 'objects.list';

/**
 * Copies the stored objects of a data folder into a backup. An event is recorded after its object is stored, and objects
 * are never changed: taken after the events, the copy holds all that these name, or it is said how many are missing: the
 * folder is another than the scrapers', or a damaged page was removed when it was read.
 */
export async function copyObjectsOut(
  dataFolder: string,
  backup: string,
  named: Iterable<string>,
): Promise<Manifest['objects']> {
  const from = join(dataFolder, folderName);
  const into = join(backup, folderName);
  const listed: ListedObject[] = [];
  await makeFolder(into);
  for (const path of await objectPaths(from)) {
    await makeFolder(join(into, path.slice(0, 2)));
    await copyDurably(join(from, path), join(into, path));
    listed.push({ path, ...(await fileFacts(join(into, path))) });
  }
  for (const folder of new Set(listed.map(({ path }) => path.slice(0, 2))))
    await syncFolder(join(into, folder));
  const list = listed.map(({ sha256, bytes, path }) => `${sha256} ${String(bytes)} ${path}\n`).join('');
  await writeDurably(join(backup, listName), list);
  const held = new Set(listed.map(({ path }) => path));
  const missing = [...named].filter((hash) => !held.has(`${hash.slice(0, 2)}/${hash}.zst`)).length;
  return {
    count: listed.length,
    bytes: listed.reduce((sum, { bytes }) => sum + bytes, 0),
    list: { path: listName, ...(await fileFacts(join(backup, listName))) },
    ...(missing === 0 ? {} : { missing }),
  };
}

/** Finished objects; what is being written beside its place has another name. */
async function objectPaths(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  return entries
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => pathShape.test(path))
    .sort();
}

/** Makes sure of every object of a backup. @throws `backup-invalid` */
export async function checkObjects(backup: string, { count, bytes }: Manifest['objects']): Promise<void> {
  const listed = await readList(backup);
  if (listed.length !== count || listed.reduce((sum, object) => sum + object.bytes, 0) !== bytes) {
    throw new DaybookError(
      'backup-invalid',
      'The backup lists another number of stored objects than it holds.',
    );
  }
  for (const { path, bytes: length, sha256 } of listed) {
    const found = await fileFacts(join(backup, folderName, path)).catch(() => undefined);
    if (found?.bytes === length && found.sha256 === sha256) continue;
    const what = found === undefined ? 'is missing' : 'was altered or is damaged';
    throw new DaybookError('backup-invalid', `The file ${folderName}/${path} of the backup ${what}.`);
  }
}

/** Copies the objects of a checked backup into a data folder. Repeatable: what is there already is left. */
export async function copyObjectsIn(backup: string, dataFolder: string): Promise<void> {
  const into = join(dataFolder, folderName);
  for (const { path, bytes } of await readList(backup)) {
    const target = join(into, path);
    const present = await stat(target).catch(() => undefined);
    if (present?.size === bytes) continue;
    // Half of it, left by a copy that died: its name says what belongs there.
    if (present !== undefined) await rm(target);
    await makeFolder(join(into, path.slice(0, 2)));
    await copyDurably(join(backup, folderName, path), target);
  }
}

async function readList(backup: string): Promise<readonly ListedObject[]> {
  const lines = (await readFile(join(backup, listName), 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => {
    const [sha256 = '', bytes = '', path = ''] = line.split(' ');
    if (!pathShape.test(path))
      throw new DaybookError('backup-invalid', `The ${listName} of the backup is damaged.`);
    return { sha256, bytes: Number(bytes), path };
  });
}
