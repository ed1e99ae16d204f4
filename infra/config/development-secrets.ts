import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DaybookError } from '@daybook/kernel/errors.ts';

/**
 * A secret of a development installation: read from `<data folder>/secrets/<name>`, made there first where it is
 * missing (files of mode 600 in a folder of mode 700). Processes that start at once agree on one value.
 * @throws `data-folder-unusable`
 */
export function developmentSecret(dataFolder: string, name: string, generate: () => string): string {
  const folder = join(dataFolder, 'secrets');
  const file = join(folder, name);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return read(file) ?? create(file, generate());
  } catch (error) {
    throw new DaybookError('data-folder-unusable', 'Development secrets cannot be kept in the data folder.', {
      fields: { folder, reason: (error as NodeJS.ErrnoException).code },
      cause: error,
    });
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

// A link fails where the name is taken, so that the first of several processes wins and no half-written file is read.
function create(file: string, secret: string): string {
  const draft = `${file}.${String(process.pid)}`;
  writeFileSync(draft, `${secret}\n`, { mode: 0o600 });
  try {
    linkSync(draft, file);
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return read(file) ?? secret;
  } finally {
    unlinkSync(draft);
  }
}
