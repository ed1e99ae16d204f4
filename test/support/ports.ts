/** Ports of the loopback for whoever has to be found at the same one again after it was away. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below what the system gives to connections that go out, and to whoever asks for any: none of these takes one meanwhile. */
const [lowestPort, highestPort] = [10_000, 32_767] as const;

/** The workers of a run, and the run itself, choose from a range each. */
const ranges = 8;
const size = Math.floor((highestPort - lowestPort) / ranges);
const lowest = lowestPort + (Number(process.env['JEST_WORKER_ID'] ?? 0) % ranges) * size;

let next = randomInt(size);

/** A port that nobody listens on, each time another, which stays its asker's own while nobody listens there. */
export async function freePort(): Promise<number> {
  for (;;) {
    next = (next + 1) % size;
    const port = lowest + next;
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer().once('error', () => {
      done(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        done(true);
      });
    });
  });
}
