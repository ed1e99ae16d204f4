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

test('help names every command, and every option of each', async () => {
  const { code, text } = await run('--help');
  expect(code).toBe(exitCodes.ok);
  for (const name of ['up', 'run', 'migrate', 'log', 'doctor', 'demo']) {
    expect(text).toContain(name);
    const { text: own } = await run(name, '--help');
    expect(own).toContain('--data');
  }
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
  [['run', 'everything'], 'Allowed choices are command-service'],
])('%j is told apart', async (args, sentence) => {
  const { code, text } = await run(...args);
  expect(code).toBe(exitCodes.usage);
  expect(text).toContain(sentence);
});

test('knows every kind of what is parked', () => {
  expect(parkedKinds).toEqual(allParkedKinds);
});

test('a failure of a command is a sentence and a code', async () => {
  const { code, text } = await run('demo', '--url', 'nowhere');
  expect(code).toBe(exitCodes.configuration);
  expect(text).toContain('"nowhere" is no http address.');
});
