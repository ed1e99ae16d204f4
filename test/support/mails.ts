import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Mails handed over, one name each: the file name stands for the effect's id. */
export async function mailsIn(folder: string): Promise<readonly string[]> {
  const index = await readFile(join(folder, 'mailbox', 'index.txt'), 'utf8').catch(() => '');
  const lines = index.split('\n').filter((line) => line !== '');
  return lines.map((line) => /\S+\.eml/.exec(line)?.[0] ?? line);
}
