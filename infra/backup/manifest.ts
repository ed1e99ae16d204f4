import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import { writeDurably } from './durable-files.ts';

/** Raised when what stands in a backup changes in a way that an older Daybook cannot read. */
export const backupFormat = 1;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
const file = z.strictObject({ path: z.string(), bytes: count, sha256: digest });

const manifestShape = z.strictObject({
  format: z.literal(backupFormat),
  product: z.string(),
  /** ISO 8601, UTC, by the clock of the database. */
  madeAt: z.iso.datetime(),
  log: z.strictObject({ id: z.uuid(), epoch: z.string(), events: count, lastPosition: z.string() }),
  migrations: z.array(z.string()).min(1),
  /** In the order in which they are loaded. */
  tables: z.array(
    z.strictObject({
      name: z.string(),
      columns: z.array(z.string()).min(1),
      rows: count,
      content: digest,
      file,
    }),
  ),
  sequences: z.array(z.strictObject({ name: z.string(), value: z.int(), called: z.boolean() })),
  /** Names of the key-encryption keys that the data keys are wrapped by. They tell nothing of the keys. */
  keyVersions: z.array(z.string()),
  /** A list of the stored objects, one a line: hash of the file, bytes, path. */
  objects: z.strictObject({
    count,
    bytes: count,
    list: file,
    /** How many pages events name that the data folder did not hold; absent where it held all. */
    missing: count.optional(),
  }),
  /** Development secrets of the data folder, where they were asked for. */
  secrets: z.array(file),
});

/** What a backup holds, and how one can tell that it is whole. */
export type Manifest = z.output<typeof manifestShape>;

const name = 'manifest.json';

/** Writes the manifest, which names its own checksum. It comes last: without it a folder is no backup. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const text = JSON.stringify({ checksum: checksumOf(manifest), manifest }, null, 2);
  await writeDurably(join(folder, name), `${text}\n`);
}

/** Reads the manifest of a backup. @throws `backup-invalid` */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, name), 'utf8').catch((cause: unknown) => {
    throw new DaybookError('backup-invalid', `There is no backup in ${folder}: it has no ${name}.`, {
      cause,
    });
  });
  const parsed = parse(text);
  const format = (parsed?.manifest as { format?: unknown } | undefined)?.format;
  if (typeof format === 'number' && format > backupFormat) {
    throw new DaybookError(
      'backup-invalid',
      'The backup was made by a newer Daybook. Restore it with that one.',
    );
  }
  const manifest = manifestShape.safeParse(parsed?.manifest);
  if (!manifest.success || parsed?.checksum !== checksumOf(manifest.data)) {
    throw new DaybookError('backup-invalid', `The ${name} of the backup was altered or is damaged.`);
  }
  return manifest.data;
}

function parse(text: string): { checksum?: unknown; manifest?: unknown } | null {
  try {
    return JSON.parse(text) as { checksum?: unknown; manifest?: unknown } | null;
  } catch {
    return null;
  }
}

function checksumOf(manifest: Manifest): string {
  return createHash('sha256').update(canonical(manifest)).digest('hex');
}
