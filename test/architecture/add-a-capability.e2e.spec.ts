import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { callerOf, must, signUp } from '../support/caller.ts';
import { startSystem, type System } from '../support/system.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/how-to/add-a-capability.md'), 'utf8');

type Step = Readonly<{ verb: string; target: string; text: string }>;

/** The blocks of the page that are to be carried out, in order. */
const steps: readonly Step[] = [
  ...page.matchAll(/^```\w+ (file|import|list|run)(?:=(\S+))?\n(.*?)^```$/gms),
].map(([, verb = '', target = '', text = '']) => ({ verb, target, text }));

let copy = '';
let system: System | undefined;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'daybook-capability-'));
  const files = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
    .trim()
    .split('\n');
  for (const file of files) {
    cpSync(join(root, file), join(copy, file), { recursive: true });
  }
  const modules = join(root, 'node_modules');
  mkdirSync(join(copy, 'node_modules/@daybook'), { recursive: true });
  for (const name of readdirSync(modules)) {
    if (name !== '@daybook') symlinkSync(join(modules, name), join(copy, 'node_modules', name));
  }
  for (const name of readdirSync(join(modules, '@daybook'))) {
    symlinkSync(join(copy, name), join(copy, 'node_modules/@daybook', name));
    const own = join(root, name, 'node_modules');
    if (readdirSync(join(root, name)).includes('node_modules'))
      symlinkSync(own, join(copy, name, 'node_modules'));
  }
});
afterAll(async () => {
  await system?.discard();
  rmSync(copy, { recursive: true, force: true });
});

async function shell(command: string): Promise<string> {
  try {
    return (await promisify(execFile)('sh', ['-ec', command], { cwd: copy, maxBuffer: 10_000_000 })).stdout;
  } catch (error) {
    throw new Error(`${command}\n${(error as { stdout: string }).stdout}`, { cause: error });
  }
}

async function carryOut({ verb, target, text }: Step): Promise<void> {
  if (verb === 'run') {
    await shell(text);
    return;
  }
  const file = join(copy, target);
  if (verb === 'file') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return;
  }
  const before = readFileSync(file, 'utf8');
  const after =
    verb === 'import' ? text + before : before.replace(/(?:return|=) \[/, (start) => `${start}${text}`);
  expect(after).not.toBe(before);
  writeFileSync(file, after);
}

test('a capability made by following the page is checked, tested and running, in under 150 lines', async () => {
  const lines = steps.filter(({ verb }) => verb !== 'run').flatMap(({ text }) => text.trimEnd().split('\n'));
  expect(lines.length).toBeLessThan(150);
  for (const step of steps) await carryOut(step);
  await shell('node schemas/tooling/check.ts && node_modules/.bin/tsc --noEmit -p .');
  expect(await shell('node test/run.ts unit notes golden 2>&1')).toMatch(/^[1-9]\d* passed, 0 failed/m);

  system = await startSystem({ mode: 'one process', root: copy });
  const person = await signUp(callerOf(system.addresses));
  const written = await person.call('POST', '/v1/notes', { body: { text: 'Ring the bank' } });
  const { noteId } = must(written, 201) as { noteId: string };
  const read = await person.call('GET', `/v1/notes/${noteId}`, {
    headers: { 'daybook-min-position': written.headers.get('daybook-position') ?? '' },
  });
  expect(must(read, 200)).toEqual({ noteId, text: 'Ring the bank', writtenAt: expect.any(String) });
}, 180_000);
