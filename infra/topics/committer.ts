import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { backOffMs, reasonOf, type BackOff } from '../runtime/loop.ts';
import type { Claim, GroupLedger } from './group-ledger.ts';

type Move = Claim & { next: number; resolve: (held: boolean) => void };

/**
 * Records the progress of several partitions by one call: while one is under way the next ones gather. Repeats while the
 * engine is away and the lease holds; after that the answer is no.
 */
export function makeCommitter(
  ledger: Pick<GroupLedger, 'commit'>,
  leaseUntil: () => number,
  backOff: BackOff,
  log: Log,
): (claim: Claim, next: number) => Promise<boolean> {
  let gathered: Move[] = [];
  let flushing = false;

  async function flush(): Promise<void> {
    flushing = true;
    // Partitions that finish in the same turn of the event loop travel together.
    await Promise.resolve();
    while (gathered.length > 0) {
      const moves = gathered;
      gathered = [];
      const accepted = await record(moves);
      for (const { partition, resolve } of moves) resolve(accepted.has(partition));
    }
    flushing = false;
  }

  async function record(moves: readonly Move[]): Promise<ReadonlySet<number>> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await failpoint('topics.committing');
        const accepted = await ledger.commit(
          moves.map(({ partition, epoch, next }) => ({ partition, epoch, next })),
        );
        await failpoint('topics.committed');
        return accepted;
      } catch (error) {
        const passing = isDaybookError(error) && error.retry !== 'never';
        if (!passing || leaseUntil() <= performance.now()) {
          log.error('Offsets could not be committed; their batches come again.', reasonOf(error));
          return new Set();
        }
        await new Promise((wake) => setTimeout(wake, backOffMs(backOff, attempt)));
      }
    }
  }

  return ({ partition, epoch }, next) =>
    new Promise((resolve) => {
      gathered.push({ partition, epoch, next, resolve });
      if (!flushing) void flush();
    });
}
