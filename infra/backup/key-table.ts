/** Which data keys a restore takes: those of the backup, or of a later one of the same log. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Position } from '@daybook/kernel/event.ts';
import { fromPosition } from '../event-store/position.ts';
import { checkBackup } from './check-backup.ts';
import type { Manifest } from './manifest.ts';
import { rowsIn } from './table-copy.ts';

/** A table of a manifest, and the backup that its file stands in. */
export type TableSource = Manifest['tables'][number] & Readonly<{ folder: string }>;

/** The table of data keys, with the names of the keys that wrap them. */
export type KeyTable = TableSource & Readonly<{ versions: readonly string[] }>;

/**
 * The data keys as of this backup, or of a later one.
 * @param manifest of the backup in `from`, which was checked
 * @throws `backup-invalid` where the later one is of another log, or of a line that left this one before it ended
 */
export async function keyTableOf(
  { from, keysFrom }: Readonly<{ from: string; keysFrom?: string }>,
  manifest: Manifest,
): Promise<KeyTable> {
  const folder = keysFrom ?? from;
  const other = keysFrom === undefined ? manifest : await checkBackup(keysFrom);
  const table = other.tables.find(({ name }) => name === 'vault.data_keys');
  if (table === undefined)
    throw new DaybookError('backup-invalid', `The backup in ${folder} holds no data keys.`);
  const later =
    other.log.id === manifest.log.id &&
    other.log.lastPosition >= manifest.log.lastPosition &&
    other.madeAt >= manifest.madeAt &&
    (keysFrom === undefined || (await goesOnFrom(manifest, other, keysFrom)));
  if (!later) {
    throw new DaybookError(
      'backup-invalid',
      `The keys in ${folder} are not those of a later backup of the same log: of this installation, and not of one that was restored from an earlier backup than this. Nothing was changed.`,
    );
  }
  return { ...table, folder, versions: other.keyVersions };
}

/** Whether all events of a log are in the other one, by the epochs of that: none began before this log ended. */
async function goesOnFrom({ log }: Manifest, other: Manifest, folder: string): Promise<boolean> {
  const epochs = await epochsOf(other, folder);
  const at = epochs.findIndex(({ name }) => name === log.epoch);
  const next = epochs[at + 1];
  return at >= 0 && (next === undefined || next.beginsAfter >= fromPosition(log.lastPosition as Position));
}

async function epochsOf(
  { tables }: Manifest,
  folder: string,
): Promise<readonly Readonly<{ epoch: number; name: string; beginsAfter: number }>[]> {
  const table = tables.find(({ name }) => name === 'log.epochs');
  if (table === undefined) return [];
  const rows = await rowsIn(createReadStream(join(folder, table.file.path)));
  const column = (row: readonly string[], name: string): string => row[table.columns.indexOf(name)] ?? '';
  return rows
    .map((row) => ({
      epoch: Number(column(row, 'epoch')),
      name: `${column(row, 'epoch')}.${column(row, 'token')}`,
      beginsAfter: Number(column(row, 'begins_after')),
    }))
    .sort((one, two) => one.epoch - two.epoch);
}
