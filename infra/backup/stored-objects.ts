import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { concurrentMap } from './concurrent-map.ts';
import { copyDurably, makeFolder, syncFolder } from './durable-files.ts';
import type { Manifest } from './manifest.ts';
import { countMissing } from './named-pages.ts';
import { readObjectList, writeObjectList, type ListedObject } from './object-list.ts';
import { fileFacts } from './table-copy.ts';

const folderName = 'objects';

/** Files that are copied or checked side by side. */
const filesAtOnce = 8;

/**
 * Copies the stored objects of a data folder into a backup. An event is recorded after its object is stored, and objects
 * are never changed: taken after the events, the copy holds all that these name, or it is said how many are missing: the
 * folder is another than the scrapers', or a damaged page was removed when it was read. What is held in memory are the
 * names in one of the 256 folders.
 * @param namedPages a file of `writeNamedPages`
 */
export async function copyObjectsOut(
  dataFolder: string,
  backup: string,
  namedPages: string,
): Promise<Manifest['objects']> {
  const into = join(backup, folderName);
  await makeFolder(into);
  const copied = await writeObjectList(backup, copyFolders(join(dataFolder, folderName), into));
  const missing = await countMissing(namedPages, backup);
  return { ...copied, ...(missing === 0 ? {} : { missing }) };
}

/** Copies folder by folder; yields, in the order of the paths, what was copied. */
async function* copyFolders(from: string, into: string): AsyncGenerator<ListedObject, void, undefined> {
  for (const folder of await foldersIn(from)) {
    const paths = await objectsIn(from, folder);
    if (paths.length === 0) continue;
    await makeFolder(join(into, folder));
    yield* concurrentMap(paths, filesAtOnce, async (path) => {
      await copyDurably(join(from, path), join(into, path));
      return { path, ...(await fileFacts(join(into, path))) };
    });
    await syncFolder(join(into, folder));
  }
}

async function foldersIn(from: string): Promise<readonly string[]> {
  const entries = await readdir(from, { withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name))
    .map(({ name }) => name)
    .sort();
}

/** Paths of finished objects; what is being written beside its place has another name. */
async function objectsIn(from: string, folder: string): Promise<readonly string[]> {
  const names = await readdir(join(from, folder));
  return names
    .filter((name) => name.startsWith(folder) && /^[0-9a-f]{64}\.zst$/.test(name))
    .map((name) => `${folder}/${name}`)
    .sort();
}

/** Makes sure of every object of a backup. @throws `backup-invalid` */
export async function checkObjects(backup: string, { count, bytes }: Manifest['objects']): Promise<void> {
  const all = { count: 0, bytes: 0 };
  const checked = concurrentMap(readObjectList(backup), filesAtOnce, async (object) => {
    await checkObject(backup, object);
    return object.bytes;
  });
  for await (const length of checked) {
    all.count += 1;
    all.bytes += length;
  }
  if (all.count !== count || all.bytes !== bytes) {
    throw new DaybookError(
      'backup-invalid',
      'The backup lists another number of stored objects than it holds.',
    );
  }
}

async function checkObject(backup: string, { path, bytes, sha256 }: ListedObject): Promise<void> {
  const found = await fileFacts(join(backup, folderName, path)).catch(() => undefined);
  if (found?.bytes === bytes && found.sha256 === sha256) return;
  const what = found === undefined ? 'is missing' : 'was altered or is damaged';
  throw new DaybookError('backup-invalid', `The file ${folderName}/${path} of the backup ${what}.`);
}

/** Copies the objects of a checked backup into a data folder. Repeatable: what is there already is left. */
export async function copyObjectsIn(backup: string, dataFolder: string): Promise<void> {
  const into = join(dataFolder, folderName);
  const copies = concurrentMap(readObjectList(backup), filesAtOnce, async ({ path, bytes }) => {
    const target = join(into, path);
    const present = await stat(target).catch(() => undefined);
    if (present?.size === bytes) return;
    // Half of it, left by a copy that died: its name says what belongs there.
    if (present !== undefined) await rm(target);
    await makeFolder(join(into, path.slice(0, 2)));
    await copyDurably(join(backup, folderName, path), target);
  });
  while ((await copies.next()).done !== true) continue;
}
