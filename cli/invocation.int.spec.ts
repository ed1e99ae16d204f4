import { mkdir, mkdtemp, readFile, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openLog } from './invocation.ts';

test('what cannot be written into the log’s file is dropped, and the next line is written again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-log-'));
  const file = join(folder, 'daybook.log');
  const log = openLog({ telemetry: { logLevel: 'info' } as never }, { file });
  // A file that cannot be written, as on a full disk.
  await mkdir(file);
  log.warn('dropped');
  await rmdir(file);
  log.warn('kept');
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ message: 'kept' }]);
  await rm(folder, { recursive: true });
});
