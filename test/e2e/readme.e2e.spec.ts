import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startDaybook, type DaybookProcess } from '../support/processes.ts';

const root = resolve(import.meta.dirname, '../..');

let folder = '';
let demo: DaybookProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-readme-'));
  demo = startDaybook(['up', '--demo', '--port', '0', '--data', join(folder, '.daybook')], {});
});
afterAll(async () => {
  demo.signal('SIGTERM');
  await demo.ended;
  await rm(folder, { recursive: true, force: true });
});

async function shell(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: folder });
  return stdout;
}

test('the first ten minutes of the README work when pasted', async () => {
  const [, url = ''] = await demo.printed(/interface\s+(http:\S+)\/docs/);
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [, block = ''] = /## The first ten minutes.*?```sh\n(.*?)```/s.exec(readme) ?? [];
  expect(block).toContain('http://localhost:4000');
  const script = block
    .replace('http://localhost:4000', url)
    // A listener that would stay for ever leaves.
    .replace('curl -sN', 'curl -sN --max-time 5')
    .replace(/^curl/gm, 'echo; curl');
  const output = await shell(`${script}\ntrue`);
  expect(output).toMatch(/"amountMinor":\d+,"currency":"EUR"/);
  expect(output).toMatch(/^observedAt,amountMinor,currency/m);
  expect(output).toContain('"type":"ProductTracked"');
  expect(output).toMatch(/^retry: /m);
}, 90_000);
