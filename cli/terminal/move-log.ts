/** What a move of the log says of its progress. */
import type { MoveProgress } from '@daybook/infra/log-move/move-log.ts';

const steps: Readonly<Record<MoveProgress['step'], string>> = {
  copy: 'copied',
  compare: 'compared',
  refill: 'published',
};

/** Pauses between lines of progress: on a terminal one line is written over, elsewhere each stays. */
const onTerminalMs = 200;
const elsewhereMs = 5_000;

/** Writes progress, not too often. `end` leaves the last line as it is. */
export function moveLines(
  write: (text: string) => void,
  isTerminal: boolean,
): Readonly<{ show: (progress: MoveProgress) => void; end: () => void }> {
  let shownAt = performance.now();
  let open = false;
  return {
    show: ({ step, events }) => {
      const now = performance.now();
      if (now - shownAt < (isTerminal ? onTerminalMs : elsewhereMs)) return;
      shownAt = now;
      open = isTerminal;
      const line = `${events.toLocaleString('en')} events ${steps[step]}`;
      write(isTerminal ? `\r\u001b[2K${line}` : `${line}\n`);
    },
    end: () => {
      if (open) write('\n');
    },
  };
}
