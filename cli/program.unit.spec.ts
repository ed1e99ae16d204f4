import { expect, test } from '@jest/globals';
import { parkedKinds as allParkedKinds } from '@daybook/infra/parking/parked.ts';
import { parkedKinds, parseArgs } from './program.ts';
import { exitCodes } from './sentences.ts';

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const write = (more: string): void => {
    text += more;
  };
  const code = await parseArgs(['node', 'daybook', ...args], { out: write, err: write });
  return { code, text };
}

/** Every command that works by itself, with its options; one that only groups others is not listed. */
const commands: Readonly<Record<string, readonly string[]>> = {
  up: ['--data', '--port', '--demo'],
  run: ['--data', '--port'],
  migrate: ['--data'],
  log: ['--data', '--follow', '--stream', '--type', '--tenant', '--open'],
  explain: ['--data', '--column', '--tenant', '--limit', '--json'],
  'parked list': ['--data', '--consumer', '--kind', '--tenant', '--closed', '--json'],
  'parked show': ['--data', '--json'],
  'parked retry': ['--data', '--consumer', '--kind', '--tenant'],
  'parked skip': ['--data', '--reason'],
  backup: ['--data', '--with-secrets', '--without-pages'],
  restore: ['--data', '--keys'],
  recover: ['--data'],
  'migrate-log': ['--data', '--from', '--to'],
  'migrate-topics': ['--data', '--to'],
  'verify topics': ['--data'],
  republish: ['--data', '--from', '--to'],
  rebuild: ['--data', '--dry-run', '--share'],
  rollback: ['--data'],
  doctor: ['--data', '--port'],
  demo: ['--data', '--port', '--url'],
};

/** The words that begin the lines of a section of a help text. */
function listed(help: string, section: 'Commands' | 'Options'): readonly string[] {
  const [, lines = ''] = new RegExp(`^${section}:\\n((?: .*\\n)*)`, 'm').exec(help) ?? [];
  return [...lines.matchAll(/^ {2}(?:-\w, )?([\w-]+)/gm)].map(([, word = '']) => word);
}

async function commandsBelow(prefix: readonly string[]): Promise<readonly string[]> {
  const { text } = await run(...prefix, '--help');
  const below = listed(text, 'Commands').filter((name) => name !== 'help');
  if (below.length === 0) return [prefix.join(' ')];
  return (await Promise.all(below.map((name) => commandsBelow([...prefix, name])))).flat();
}

test('help names every command', async () => {
  const { code } = await run('--help');
  expect(code).toBe(exitCodes.ok);
  expect((await commandsBelow([])).toSorted()).toEqual(Object.keys(commands).toSorted());
});

test.each(Object.entries(commands))('help of %s names every option of it', async (name, options) => {
  const { code, text } = await run(...name.split(' '), '--help');
  expect(code).toBe(exitCodes.ok);
  expect(listed(text, 'Options').toSorted()).toEqual([...options, '--help'].toSorted());
});

test('the version is told', async () => {
  expect((await run('--version')).text).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  [['fly'], 'unknown command'],
  [['up', '--high'], 'unknown option'],
  [['up', '--port', 'many'], 'A port is a number'],
  [['up', '--port', '70000'], 'A port is a number'],
  [['run'], 'missing required argument'],
  [['parked', 'skip', 'message-1'], '--reason'],
  [['parked', 'skip', 'message-1', '--reason', ' '], 'A reason has'],
  [['parked', 'list', '--kind', 'bus'], 'Allowed choices are message'],
  [['run', 'database', '--port', '5432'], '--port is for services'],
  [['run', 'everything'], 'Allowed choices are command-service'],
])('%j is told apart', async (args, sentence) => {
  const { code, text } = await run(...args);
  expect(code).toBe(exitCodes.usage);
  expect(text).toContain(sentence);
});

test('help of run does not name one port for all', async () => {
  expect((await run('run', '--help')).text).toMatch(/4000 to\s+4004/);
});

test.each(['rebuild', 'rollback'])('%s of an unknown read model is wrong usage', async (command) => {
  expect((await run(command, 'produkts')).code).toBe(exitCodes.usage);
});

test('knows every kind of what is parked', () => {
  expect(parkedKinds).toEqual(allParkedKinds);
});

test('a failure of a command is a sentence and a code', async () => {
  const { code, text } = await run('demo', '--url', 'nowhere');
  expect(code).toBe(exitCodes.configuration);
  expect(text).toContain('"nowhere" is no http address.');
});
