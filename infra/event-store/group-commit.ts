import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Appended } from '@daybook/kernel/ports/event-store.ts';
import { storeClosed, type AppendRequest } from './append-request.ts';

/** What became of one append of a group, or the error that its caller gets. */
export type Outcome = Appended | DaybookError;

export type GroupCommitLimits = Readonly<{
  /** Appends waiting or under way; more are refused as `unavailable`, to be repeated later. */
  maxOutstanding: number;
  /** Code units waiting or under way; more are refused alike. */
  maxOutstandingSize: number;
  /** Of one group. */
  maxAppends: number;
  /** Of one group; a larger single append is a group of its own. */
  maxSize: number;
  /** Groups under way at once: while one commits, the next stands at the database's door already. */
  maxGroups: number;
  /** Groups are not made smaller than this for the sake of having several. */
  minShare: number;
}>;

/** Collects concurrent appends and writes them in groups. */
export type GroupCommit = Readonly<{
  append(request: AppendRequest): Promise<Appended>;
  /** Refuses further appends and waits for those that were taken. Idempotent. */
  close(): Promise<void>;
}>;

type Pending = Readonly<{
  request: AppendRequest;
  resolve: (appended: Appended) => void;
  reject: (error: unknown) => void;
}>;

/**
 * @param write writes a group in one transaction and answers with one outcome an append, in order. In a group no event
 *   id stands twice. Where it throws, every caller of the group gets the error.
 */
export function makeGroupCommit(
  write: (group: readonly AppendRequest[]) => Promise<readonly Outcome[]>,
  limits: GroupCommitLimits,
): GroupCommit {
  let queue: Pending[] = [];
  let queuedSize = 0;
  let underWay = 0;
  let underWaySize = 0;
  let groups = 0;
  let scheduled = false;
  let closed = false;
  let drained: (() => void) | undefined;

  // Not sooner: callers woken by the last group make their next appends in this same turn of the event loop.
  function schedule(): void {
    if (scheduled || queue.length === 0 || groups >= limits.maxGroups) return;
    scheduled = true;
    setImmediate(flush);
  }

  function flush(): void {
    scheduled = false;
    while (queue.length > 0 && groups < limits.maxGroups) {
      // An equal share for each connection: one writes while the other's callers are answered and come again.
      const share = Math.ceil((queue.length + underWay) / limits.maxGroups);
      const { group, left, size } = takeGroup(queue, {
        ...limits,
        maxAppends: Math.min(limits.maxAppends, Math.max(limits.minShare, share)),
      });
      queue = left;
      queuedSize -= size;
      void send(group, size);
    }
  }

  async function send(group: readonly Pending[], size: number): Promise<void> {
    groups += 1;
    underWay += group.length;
    underWaySize += size;
    try {
      const outcomes = await write(group.map(({ request }) => request));
      group.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index];
        if (outcome === undefined || outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      });
    } catch (error) {
      group.forEach(({ reject }) => {
        reject(error);
      });
    }
    groups -= 1;
    underWay -= group.length;
    underWaySize -= size;
    schedule();
    if (groups === 0 && queue.length === 0) drained?.();
  }

  return {
    append: (request) => {
      if (closed) return Promise.reject(storeClosed());
      if (
        queue.length + underWay >= limits.maxOutstanding ||
        (queue.length > 0 && queuedSize + underWaySize + request.size > limits.maxOutstandingSize)
      ) {
        return Promise.reject(
          new DaybookError('unavailable', 'Too many appends are waiting.', {
            retry: 'later',
            fields: { waiting: queue.length + underWay },
          }),
        );
      }
      return new Promise((resolve, reject) => {
        queue.push({ request, resolve, reject });
        queuedSize += request.size;
        schedule();
      });
    },
    close: async () => {
      closed = true;
      if (groups === 0 && queue.length === 0) return;
      await new Promise<void>((resolve) => {
        const before = drained;
        drained = () => {
          before?.();
          resolve();
        };
      });
    },
  };
}

/** The first appends that can stand in one group. A repeat of one of them waits for the next. */
function takeGroup(
  queue: readonly Pending[],
  limits: Pick<GroupCommitLimits, 'maxAppends' | 'maxSize'>,
): { group: Pending[]; left: Pending[]; size: number } {
  const ids = new Set<string>();
  const group: Pending[] = [];
  const left: Pending[] = [];
  let size = 0;
  let index = 0;
  for (; index < queue.length && group.length < limits.maxAppends; index += 1) {
    const pending = queue[index] as Pending;
    const { request } = pending;
    if (group.length > 0 && size + request.size > limits.maxSize) break;
    if (request.events.some(({ id }) => ids.has(id))) {
      left.push(pending);
      continue;
    }
    for (const { id } of request.events) ids.add(id);
    group.push(pending);
    size += request.size;
  }
  return { group, left: [...left, ...queue.slice(index)], size };
}
