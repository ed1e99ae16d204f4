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
 * One group is under way at a time: what comes meanwhile is the next. (A second group waiting at the database's door
 * gained nothing at 8, 32 and 128 callers on two cores, and lost a third at 32, since groups get smaller.)
 * @param write writes a group in one transaction and answers with one outcome an append, in order. In a group no event
 *   id stands twice. Where it throws, every caller of the group gets the error.
 */
export function makeGroupCommit(
  write: (group: readonly AppendRequest[]) => Promise<readonly Outcome[]>,
  limits: GroupCommitLimits,
): GroupCommit {
  let queue: readonly Pending[] = [];
  let arrivals: Pending[] = [];
  let outstanding = 0;
  let outstandingSize = 0;
  let running: Promise<void> | undefined;
  let closed = false;

  async function run(): Promise<void> {
    do {
      // Not sooner: callers woken by the last group make their next appends in this same turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      const { group, left } = takeGroup(arrivals.length === 0 ? queue : [...queue, ...arrivals], limits);
      queue = left;
      arrivals = [];
      await settle(group);
    } while (queue.length > 0 || arrivals.length > 0);
    running = undefined;
  }

  async function settle(group: readonly Pending[]): Promise<void> {
    let outcomes: readonly Outcome[] = [];
    let failure: unknown;
    try {
      outcomes = await write(group.map(({ request }) => request));
    } catch (error) {
      failure = error;
    }
    group.forEach(({ request, resolve, reject }, index) => {
      outstanding -= 1;
      outstandingSize -= request.size;
      const outcome = outcomes[index];
      if (outcome === undefined) reject(failure);
      else if (outcome instanceof DaybookError) reject(outcome);
      else resolve(outcome);
    });
  }

  return {
    append: (request) => {
      if (closed) return Promise.reject(storeClosed());
      if (
        outstanding >= limits.maxOutstanding ||
        (outstanding > 0 && outstandingSize + request.size > limits.maxOutstandingSize)
      ) {
        return Promise.reject(
          new DaybookError('unavailable', 'Too many appends are waiting.', {
            retry: 'later',
            fields: { waiting: outstanding },
          }),
        );
      }
      outstanding += 1;
      outstandingSize += request.size;
      return new Promise((resolve, reject) => {
        arrivals.push({ request, resolve, reject });
        running ??= run();
      });
    },
    close: async () => {
      closed = true;
      await running;
    },
  };
}

/** The first appends that can stand in one group. A repeat of one of them waits for the next. */
function takeGroup(
  queue: readonly Pending[],
  limits: GroupCommitLimits,
): { group: readonly Pending[]; left: readonly Pending[] } {
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
  return { group, left: [...left, ...queue.slice(index)] };
}
