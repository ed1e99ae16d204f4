import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { printable, writeLines } from './printable.ts';
import { paint } from './screen.ts';

test.each([
  ['an escape', 'a\u001b]0;title\u0007b', String.raw`a\u001b]0;title\u0007b`],
  ['moving up', '\u001b[2Agone', String.raw`\u001b[2Agone`],
  ['hiding text', '\u001b[8mhidden', String.raw`\u001b[8mhidden`],
  ['one of C1', 'a\u009b31mb', String.raw`a\u009b31mb`],
  ['a carriage return', 'bad\rgood', String.raw`bad\u000dgood`],
  ['delete', 'a\u007f', String.raw`a\u007f`],
  ['turned text', 'a\u202egpj.exe', String.raw`a\u202egpj.exe`],
  ['an isolate', '\u2066a\u2069', String.raw`\u2066a\u2069`],
  ['no control', 'Müller → 5 € 👍 日本', 'Müller → 5 € 👍 日本'],
  ['our own colours', paint.bold('a') + paint.red('b'), paint.bold('a') + paint.red('b')],
])('%s is printed so that a terminal obeys nothing', (_, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('a line stays one line', () => {
  const stream = new PassThrough({ encoding: 'utf8' });
  writeLines(['one\ntwo', 'three'], stream);
  expect(stream.read()).toBe('one\\u000atwo\nthree\n');
});
