import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What a served process tells when it listens. */
export type Served = Readonly<{ url: string; token?: string }>;

/** A server in a process of its own, so that it shares no event loop with what asks it. */
export type ServedProcess = Served & Readonly<{ stop(): Promise<void> }>;

/** Starts `test/load/http/<name>.ts` and waits until it listens. */
export async function serveApart(name: string, argument = ''): Promise<ServedProcess> {
  const child = fork(join(import.meta.dirname, `${name}.ts`), [argument], {
    stdio: 'inherit',
  });
  const exited = once(child, 'exit');
  const served = await Promise.race([
    once(child, 'message').then(([message]) => message as Served),
    exited.then(([code]) => {
      throw new Error(`${name} ended with ${String(code)} before it listened.`);
    }),
  ]);
  return {
    ...served,
    stop: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** In the served process: tells where it listens, and stops when the bench is done with it. */
export function serving(served: Served, stop: () => Promise<void>): void {
  process.once('disconnect', () => void stop());
  process.send?.(served);
}
