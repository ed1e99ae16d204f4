/** A signal between the loops of one consumer. Rings that nobody waits for are kept as one. */
export type Bell = Readonly<{
  ring(): void;
  /** Resolves on a ring since the last call, or after the time; one waiter at a time. */
  wait(timeoutMs: number): Promise<void>;
}>;

/** A bell that has not been rung. */
export function makeBell(): Bell {
  let rung = false;
  let resume: (() => void) | undefined;
  return {
    ring: () => {
      if (resume === undefined) rung = true;
      else resume();
    },
    wait: (timeoutMs) =>
      new Promise((resolve) => {
        if (rung) {
          rung = false;
          resolve();
          return;
        }
        const finish = (): void => {
          clearTimeout(timer);
          resume = undefined;
          resolve();
        };
        const timer = setTimeout(finish, timeoutMs);
        resume = finish;
      }),
  };
}
