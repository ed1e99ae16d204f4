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
 * What comes while a group is under way is the next group. A full one does not wait: it goes on its way beside the other,
 * so that one is parsed while the other is written. (Smaller ones gain nothing by that, and lost a third at 32 callers with
 * one event each, since groups get smaller.)
 * @param write writes a group in one transaction and answers with one outcome an append, in order. In a group no event
 *   id stands twice; no two groups under way are for one stream. Where it throws, every caller of the group gets the error.
 */
export function makeGroupCommit(
  write: (group: readonly AppendRequest[]) => Promise<readonly Outcome[]>,
  limits: GroupCommitLimits,
): GroupCommit {
  let queue: readonly Pending[] = [];
  let arrivals: Pending[] = [];
  let waitingSize = 0;
  let outstanding = 0;
  let outstandingSize = 0;
  const streams = new Set<string>();
  const underWay = new Set<Promise<void>>();
  let looking: Promise<void> | undefined;
  let closed = false;

  /** Not sooner: callers woken by the last group make their next appends in this same turn of the event loop. */
  async function look(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    looking = undefined;
    while (
      underWay.size === 0 ? waitingSize > 0 : underWay.size < mostGroups && waitingSize >= limits.maxSize
    ) {
      const { group, left } = takeGroup(
        arrivals.length === 0 ? queue : [...queue, ...arrivals],
        limits,
        streams,
      );
      queue = left;
      arrivals = [];
      if (group.length === 0) return;
      const settled = settle(group).finally(() => {
        underWay.delete(settled);
        looking ??= look();
      });
      underWay.add(settled);
    }
  }

  async function settle(group: readonly Pending[]): Promise<void> {
    let outcomes: readonly Outcome[] = [];
    let failure: unknown;
    for (const { request } of group) {
      streams.add(request.stream);
      waitingSize -= request.size;
    }
    try {
      outcomes = await write(group.map(({ request }) => request));
    } catch (error) {
      failure = error;
    }
    group.forEach(({ request, resolve, reject }, index) => {
      streams.delete(request.stream);
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
        waitingSize += request.size;
        looking ??= look();
      });
    },
    close: async () => {
      closed = true;
      while (outstanding > 0) await (looking ?? Promise.race(underWay));
    },
  };
}

/** Groups under way at once at most, each on a connection. */
export const mostGroups = 2;

/**
 * The first appends that can stand in one group. A repeat of one of them waits for the next, and so does what is for a
 * stream of a group under way: appends of one caller to a stream are written in the order in which they came.
 */
function takeGroup(
  queue: readonly Pending[],
  limits: GroupCommitLimits,
  streams: ReadonlySet<string>,
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
    if (streams.has(request.stream) || request.events.some(({ id }) => ids.has(id))) {
      left.push(pending);
      continue;
    }
    for (const { id } of request.events) ids.add(id);
    group.push(pending);
    size += request.size;
  }
  return { group, left: [...left, ...queue.slice(index)] };
}
