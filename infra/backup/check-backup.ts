import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { migrationNames } from '../database/migration-file.ts';
import { readManifest, type Manifest } from './manifest.ts';
import { checkObjects } from './stored-objects.ts';
import { fileFacts, tableFileFacts, type FileFacts } from './table-copy.ts';

/**
 * Makes sure, without changing anything, that a backup is whole and that this code can restore it: the manifest's own
 * checksum, length and hash of every file, rows and hash of every table's text, and the migrations it was made with.
 * @throws `backup-invalid` with a sentence that names what is wrong
 */
export async function checkBackup(folder: string): Promise<Manifest> {
  const manifest = await readManifest(folder);
  const known = new Set(migrationNames());
  const unknown = manifest.migrations.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new DaybookError(
      'backup-invalid',
      `The backup was made by a newer Daybook (${manifest.product}): this one does not know its migration ${unknown}. Restore it with that one.`,
    );
  }
  for (const file of [manifest.objects.list, ...manifest.secrets]) {
    same(file, await factsOf(file.path, () => fileFacts(join(folder, file.path))));
  }
  for (const table of manifest.tables) await checkTable(folder, table);
  const events = manifest.tables.find(({ name }) => name === 'log.events');
  if (events?.rows !== manifest.log.events) {
    throw new DaybookError(
      'backup-invalid',
      'The backup holds another number of events than its manifest says.',
    );
  }
  await checkObjects(folder, manifest.objects);
  return manifest;
}

async function checkTable(
  folder: string,
  { file, rows, content }: Manifest['tables'][number],
): Promise<void> {
  const found = await factsOf(file.path, () => tableFileFacts(createReadStream(join(folder, file.path))));
  same(file, found);
  if (found.rows !== rows || found.content !== content) throw damaged(file.path);
}

async function factsOf<T>(path: string, read: () => Promise<T>): Promise<T> {
  // No path leads out of the backup.
  if (!/^(tables|secrets)\/[\w.]+$|^objects\.list$/.test(path)) throw damaged(path);
  return read().catch((cause: unknown) => {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw missing
      ? new DaybookError('backup-invalid', `The file ${path} of the backup is missing.`, { cause })
      : damaged(path, cause);
  });
}

function same({ path, bytes, sha256 }: Manifest['secrets'][number], found: FileFacts): void {
  if (found.bytes !== bytes || found.sha256 !== sha256) throw damaged(path);
}

function damaged(path: string, cause?: unknown): DaybookError {
  return new DaybookError('backup-invalid', `The file ${path} of the backup was altered or is damaged.`, {
    cause,
  });
}
