import type pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { parseKeyEncryptionKey } from './key-encryption-key.ts';
import { unwrapDataKey, type DataKeyRow } from './postgres.ts';

/** The key-encryption keys at hand: the current one, and those of the past. */
export type KeysAtHand = Readonly<{ encryptionKey: string; formerEncryptionKeys: readonly string[] }>;

/** Names of wrapping keys that are not at hand. They tell nothing of the keys. */
export function missingKeys(versions: readonly string[], keys: KeysAtHand): readonly string[] {
  const known = new Set(all(keys).map(({ version }) => version));
  return versions.filter((version) => !known.has(version));
}

/**
 * Unwraps one data key of each wrapping key that is in use, and so makes sure that sealed fields will open.
 * @throws `key-unknown`
 */
export async function probeKeys(querier: Pick<pg.ClientBase, 'query'>, keys: KeysAtHand): Promise<void> {
  const { rows } = await querier.query<DataKeyRow & { kind: 'subject'; id: string }>(
    `select distinct on (kek_version) owner_kind as kind, owner_id as id, wrapped, kek_version
     from vault.data_keys where wrapped is not null order by kek_version, created_at`,
  );
  const wrapping = new Map(all(keys).map(({ version, bytes }) => [version, bytes]));
  for (const { kind, id, ...row } of rows) unwrapDataKey({ kind, id }, row, wrapping);
}

/** What to do without the right key. */
export function wrongKey(): DaybookError {
  return new DaybookError(
    'key-unknown',
    'The data keys of the backup were wrapped by another ENCRYPTION_KEY than the one at hand, and without that one nothing sealed can be opened: names, e-mail addresses, sign-in. Give the key of the installation that made the backup as ENCRYPTION_KEY (or ENCRYPTION_KEY_FILE; older ones as FORMER_ENCRYPTION_KEYS). Nothing was changed.',
  );
}

function all({
  encryptionKey,
  formerEncryptionKeys,
}: KeysAtHand): ReturnType<typeof parseKeyEncryptionKey>[] {
  return [encryptionKey, ...formerEncryptionKeys].map(parseKeyEncryptionKey);
}
