/**
 * Collects calls made while one is in flight and hands them on together. A call waits for at most one batch before its
 * own; the order within a batch is that of the calls.
 * @param work answers with one result an item, in order
 */
export function coalesced<Item, Result>(
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
  maxItems = 200,
): (item: Item) => Promise<Result> {
  type Waiting = Readonly<{ item: Item; done: (result: Result) => void; fail: (error: unknown) => void }>;
  let waiting: Waiting[] = [];
  let running = false;

  async function run(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxItems);
      waiting = waiting.slice(maxItems);
      try {
        const results = await work(batch.map(({ item }) => item));
        batch.forEach(({ done }, index) => {
          done(results[index] as Result);
        });
      } catch (error) {
        for (const { fail } of batch) fail(error);
      }
    }
    running = false;
  }

  return (item) =>
    new Promise<Result>((done, fail) => {
      waiting.push({ item, done, fail });
      if (!running) void run();
    });
}
