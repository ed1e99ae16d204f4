/** Clocks of processes, set by a test while they run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The wall clock of one process. */
export type OddClock = Readonly<{
  /** To be given to the process. */
  env: Readonly<Record<string, string>>;
  /** From now on the clock is off by so much; negative is in the past. Seen by the process within a moment. */
  set: (shiftMs: number) => void;
}>;

const preload = `--import=${join(import.meta.dirname, 'odd-clock.ts')}`;

/** A clock for a process, in a folder of the test, off by `shiftMs` from the start. */
export function oddClock(folder: string, name: string, shiftMs = 0): OddClock {
  const file = join(folder, `${name}.clock`);
  const set = (ms: number): void => {
    writeFileSync(file, String(ms));
  };
  set(shiftMs);
  return { env: { NODE_OPTIONS: preload, ODD_CLOCK_FILE: file }, set };
}

/** Lets a process stand still for so long every second. */
export function stalls(ms: number): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: preload, ODD_STALL_MS: String(ms) };
}
