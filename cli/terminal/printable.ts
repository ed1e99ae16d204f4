/** Text of strangers on an operator's terminal. */
import { spelledOut } from '@daybook/kernel/plain-text.ts';
import { paint } from './screen.ts';

/** What `paint` itself writes. A stranger's text can at most be bold or coloured by it, within its line. */
const painted = new Set(
  Object.values(paint).flatMap((pen) => [...pen('').matchAll(/\u001b\[[0-9]+m/g)].map(([code]) => code)),
);
const pieces = /(\u001b\[[0-9]+m)/;

/** One line without anything a terminal would obey: each control is spelled out, such as `\u001b`. Our colours stay. */
export function printable(line: string): string {
  return line
    .split(pieces)
    .map((piece) => (painted.has(piece) ? piece : spelledOut(piece)))
    .join('');
}

/** Writes lines for a person. A line break within a line is spelled out like other controls. */
export function writeLines(lines: readonly string[], to: NodeJS.WritableStream = process.stdout): void {
  to.write(lines.map((line) => `${printable(line)}\n`).join(''));
}

/** Writes JSON, indented. It says the same to a program: controls are escaped as JSON escapes them. */
export function writeJson(data: unknown): void {
  writeLines(JSON.stringify(data, null, 2).split('\n'));
}
