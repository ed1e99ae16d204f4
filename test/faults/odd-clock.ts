/**
 * Loaded before anything else into a process under test (`NODE_OPTIONS=--import …`): its wall clock is off by what a file
 * says, in milliseconds, and may jump while it runs; its event loop stands still for as long as the file says, every second. Clocks that only measure
 * lengths of time go on as they are, as they do where somebody sets the time of a machine.
 */
import { readFileSync } from 'node:fs';

const { ODD_CLOCK_FILE: file } = process.env;
const RealDate = Date;
let shiftMs = 0;
let stallMs = 0;

function look(path: string): void {
  try {
    const [shift, stall] = readFileSync(path, 'utf8').split(' ');
    shiftMs = Number(shift ?? 0);
    stallMs = Number(stall ?? 0);
  } catch {
    // The folder is being removed.
  }
}

if (file !== undefined) {
  look(file);
  setInterval(() => {
    look(file);
  }, 50).unref();
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given: number[], self) =>
      Reflect.construct(target, given.length === 0 ? [RealDate.now() + shiftMs] : given, self) as Date,
    apply: () => new RealDate(RealDate.now() + shiftMs).toString(),
    get: (target, name) =>
      name === 'now' ? () => RealDate.now() + shiftMs : (Reflect.get(target, name) as unknown),
  });
}

setInterval(() => {
  const until = performance.now() + stallMs;
  while (performance.now() < until);
}, 1_000).unref();
