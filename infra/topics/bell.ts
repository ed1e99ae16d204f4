/** A signal between the loops of one consumer. Rings that nobody waits for are kept as one. */
export type Bell = Readonly<{
  ring(): void;
  /** Resolves with true on a ring since the last call, with false after the time; one waiter at a time. */
  wait(timeoutMs: number): Promise<boolean>;
}>;

/** A bell that has not been rung. */
export function makeBell(): Bell {
  let rung = false;
  let resume: ((byRing: boolean) => void) | undefined;
  return {
    ring: () => {
      if (resume === undefined) rung = true;
      else resume(true);
    },
    wait: (timeoutMs) =>
      new Promise((resolve) => {
        if (rung) {
          rung = false;
          resolve(true);
          return;
        }
        const finish = (byRing: boolean): void => {
          clearTimeout(timer);
          resume = undefined;
          resolve(byRing);
        };
        const timer = setTimeout(finish, timeoutMs, false);
        resume = finish;
      }),
  };
}
