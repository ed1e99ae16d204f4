/**
 * Calls that share work: what is handed in while a round is under way goes with the next, all of it together. Each call
 * settles with its round.
 * @param most items of one round at most
 */
export function coalesced<T>(
  work: (items: readonly T[]) => Promise<void>,
  most: number,
): (item: T) => Promise<void> {
  type Waiting = { item: T; resolve: () => void; reject: (error: unknown) => void };
  const waiting: Waiting[] = [];
  let running = false;

  async function rounds(): Promise<void> {
    running = true;
    // A moment, so that calls made in one go make one round.
    await Promise.resolve();
    while (waiting.length > 0) {
      const round = waiting.splice(0, most);
      try {
        await work(round.map(({ item }) => item));
        for (const { resolve } of round) resolve();
      } catch (error) {
        for (const { reject } of round) reject(error);
      }
    }
    running = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!running) void rounds();
    });
}
