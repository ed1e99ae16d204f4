/** Clocks of processes, set by a test while they run. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The wall clock of one process. */
export type OddClock = Readonly<{
  /** To be given to the process. */
  env: Readonly<Record<string, string>>;
  /** From now on the clock is off by so much; negative is in the past. Seen by the process within a moment. */
  set: (shiftMs: number) => void;
  /** From now on the event loop stands still for so long every second. */
  stall: (ms: number) => void;
}>;

const preload = `--import=${join(import.meta.dirname, 'odd-clock.ts')}`;

/** A clock for a process, in a folder of the test, off by `shiftMs` from the start. */
export function oddClock(folder: string, name: string, shiftMs = 0): OddClock {
  const file = join(folder, `${name}.clock`);
  let [shift, stall] = [shiftMs, 0];
  const write = (): void => {
    // Whoever looks meanwhile sees what was there before, never an empty file.
    writeFileSync(`${file}.new`, `${String(shift)} ${String(stall)}`);
    renameSync(`${file}.new`, file);
  };
  write();
  return {
    env: { NODE_OPTIONS: preload, ODD_CLOCK_FILE: file },
    set: (ms) => {
      shift = ms;
      write();
    },
    stall: (ms) => {
      stall = ms;
      write();
    },
  };
}
