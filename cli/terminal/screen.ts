/** A block of lines at the bottom of the terminal that is painted over in place. */

/** The part of a terminal stream that is needed. */
export type Terminal = Readonly<{
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write: (text: string) => unknown;
}>;

export type Screen = Readonly<{
  /** Replaces the block. Nothing is written when nothing changed. */
  paint: (lines: readonly string[]) => void;
  /** Writes lines above the block, where they stay. */
  print: (lines: readonly string[]) => void;
  /** Leaves the block standing and ends painting. */
  close: () => void;
}>;

const escape = '\u001b[';

/** Printable width of a line: escapes count nothing. Good for the Latin text and arrows this program prints. */
export function width(line: string): number {
  return line.replaceAll(colour, '').length;
}

const colour = /\u001b\[[0-9;]*m/g;

/** Cuts a line to a width, keeping its escapes whole. */
export function cut(line: string, columns: number): string {
  if (width(line) <= columns) return line;
  let shown = 0;
  let result = '';
  for (const piece of line.split(/(?=\u001b\[[0-9;]*m)|(?<=\u001b\[[0-9;]*m)/)) {
    if (piece.startsWith(escape)) {
      result += piece;
      continue;
    }
    result += piece.slice(0, Math.max(0, columns - shown - 1));
    shown += piece.length;
    if (shown >= columns) return `${result}…${escape}0m`;
  }
  return result;
}

/** A screen on a terminal. */
export function terminalScreen(terminal: Terminal): Screen {
  let painted: readonly string[] = [];
  const up = (): string => (painted.length === 0 ? '\r' : `\r${escape}${String(painted.length)}A`);
  const draw = (lines: readonly string[]): string =>
    lines.map((line) => `${escape}2K${cut(line, terminal.columns ?? 80)}\n`).join('');
  const fitted = (lines: readonly string[]): readonly string[] =>
    lines.slice(0, Math.max(1, (terminal.rows ?? 50) - 1));
  return {
    paint: (lines) => {
      const block = fitted(lines);
      if (block.join('\n') === painted.join('\n')) return;
      terminal.write(`${up()}${draw(block)}${escape}0J`);
      painted = block;
    },
    print: (lines) => {
      terminal.write(`${up()}${escape}0J${lines.map((line) => `${line}\n`).join('')}${draw(painted)}`);
    },
    close: () => {
      painted = [];
    },
  };
}

/** A screen for pipes and files: painting does nothing, printing is plain lines. */
export function plainScreen(terminal: Terminal): Screen {
  return {
    paint: () => undefined,
    print: (lines) => {
      terminal.write(lines.map((line) => `${line.replaceAll(colour, '')}\n`).join(''));
    },
    close: () => undefined,
  };
}

/** Painting on a terminal, plain lines anywhere else. */
export function screenFor(terminal: Terminal): Screen {
  return terminal.isTTY === true ? terminalScreen(terminal) : plainScreen(terminal);
}

const wrap =
  (code: number) =>
  (text: string): string =>
    `${escape}${String(code)}m${text}${escape}0m`;

/** Colours of the terminal's own palette. */
export const paint = {
  bold: wrap(1),
  dim: wrap(2),
  red: wrap(31),
  green: wrap(32),
  yellow: wrap(33),
} as const;
