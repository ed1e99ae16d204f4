export type CoalescedOptions = Readonly<{
  /** Most calls that go together. Default 200. */
  maxItems?: number;
  /** Batches under way at once. Default 1. */
  maxBatches?: number;
  /** How long the first call of a batch waits for others, in milliseconds. Default: one turn of the event loop. */
  lingerMs?: number;
}>;

/**
 * Collects calls and hands them on together: those of one turn of the event loop, and those made while as many batches
 * as allowed are under way. Within a batch the order is that of the calls.
 * @param work answers with one result an item, in order; where it throws, every call of the batch gets the error
 */
export function coalesced<Item, Result>(
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
  { maxItems = 200, maxBatches = 1, lingerMs = 0 }: CoalescedOptions = {},
): (item: Item) => Promise<Result> {
  type Waiting = Readonly<{ item: Item; done: (result: Result) => void; fail: (error: unknown) => void }>;
  let waiting: Waiting[] = [];
  let batches = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || waiting.length === 0 || batches >= maxBatches) return;
    scheduled = true;
    if (lingerMs === 0) setImmediate(begin);
    else setTimeout(begin, lingerMs);
  }

  function begin(): void {
    scheduled = false;
    const batch = waiting.slice(0, maxItems);
    waiting = waiting.slice(maxItems);
    void run(batch);
    schedule();
  }

  async function run(batch: readonly Waiting[]): Promise<void> {
    batches += 1;
    try {
      const results = await work(batch.map(({ item }) => item));
      batch.forEach(({ done }, index) => {
        done(results[index] as Result);
      });
    } catch (error) {
      for (const { fail } of batch) fail(error);
    } finally {
      batches -= 1;
      schedule();
    }
  }

  return (item) =>
    new Promise<Result>((done, fail) => {
      waiting.push({ item, done, fail });
      schedule();
    });
}
