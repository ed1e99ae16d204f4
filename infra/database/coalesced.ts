import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';

export type CoalescedOptions = Readonly<{
  /** Most calls that go together. Default 200. */
  maxItems?: number;
  /** Batches under way at once. Default 1. */
  maxBatches?: number;
  /** How long the first call of a batch waits for others, in milliseconds. Default: one turn of the event loop. */
  lingerMs?: number;
  /** Calls that may wait for their batch; more are refused. Default 5 000. */
  maxWaiting?: number;
}>;

/**
 * Collects calls and hands them on together: those of one turn of the event loop, and those made while as many batches
 * as allowed are under way. Within a batch the order is that of the calls.
 * @param work answers with one result an item, in order; where it throws, every call of the batch gets the error.
 *   Where the database did not answer, every call that waits is refused: each batch would meet the same in turn.
 * @throws what `work` throws · `unavailable` where too many wait
 */
export function coalesced<Item, Result>(
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
  { maxItems = 200, maxBatches = 1, lingerMs = 0, maxWaiting = 5_000 }: CoalescedOptions = {},
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
    if (batch.length === 0) return;
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
      if (isUnanswered(error)) for (const { fail } of waiting.splice(0)) fail(unsent(error));
    } finally {
      batches -= 1;
      schedule();
    }
  }

  return (item) =>
    new Promise<Result>((done, fail) => {
      if (waiting.length >= maxWaiting) {
        fail(new DaybookError('unavailable', 'Too many calls wait for the database.', { retry: 'later' }));
        return;
      }
      waiting.push({ item, done, fail });
      schedule();
    });
}

/** Of a call that waited: nothing was sent, so that its outcome is known. */
function unsent(cause: unknown): DaybookError {
  return new DaybookError('unavailable', 'The database does not answer.', { retry: 'later', cause });
}

/** Not a conflict between transactions, which may be tried again at once. */
function isUnanswered(error: unknown): boolean {
  if (!isDaybookError(error)) return false;
  return error.code === 'timeout' || (error.code === 'unavailable' && error.retry === 'later');
}
