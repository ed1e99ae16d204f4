import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { exitCodes } from '../sentences.ts';
import { holdPlace, judged } from './backup.ts';

const list = { path: 'objects.list', bytes: 0, sha256: '0'.repeat(64) };

test.each([
  [{ count: 3 }, false, exitCodes.ok, ''],
  [{ count: 3, missing: 1 }, false, exitCodes.ok, 'Not in it: 1 stored page '],
  [{ count: 0, missing: 2 }, true, exitCodes.ok, 'Not in it: 2 stored pages '],
  [{ count: 0, missing: 2 }, false, exitCodes.failed, '--without-pages'],
])('a backup with %j, told to do without pages: %s, exits %i', (found, withoutPages, code, says) => {
  let text = '';
  const objects = { bytes: 0, list, ...found };
  expect(judged({ objects }, '/srv/daybook', { withoutPages }, (more) => (text += more))).toBe(code);
  expect(text).toContain(says);
});

test('a place below a file is refused in a sentence', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-place-'));
  try {
    await writeFile(join(folder, 'file'), '');
    await expect(holdPlace(join(folder, 'file', 'backup'))).rejects.toMatchObject({
      code: 'data-folder-unusable',
      message: expect.stringContaining('a part of the path is a file'),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
