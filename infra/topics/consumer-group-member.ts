/**
 * One member of a consumer group, over any ledger. Three loops run side by side until the signal aborts
 * (in brackets the test that dies there):
 *
 * 1. Synchronisation: renews the lease, and, unless the group is as it was, learns which partitions it holds; starts a
 *    worker for each, ends those lost, marks those beyond its share. Dying here: the lease runs out and others claim its partitions
 *    [consumer-group-member.unit.spec.ts "a death after sync leaves everything that was not recorded to the next member"].
 * 2. Fetching: keeps up to a batch in reserve for every partition. Dying here: nothing is recorded, nothing is lost
 *    [consumer-group-member.unit.spec.ts "a death after fetch leaves everything that was not recorded to the next member"].
 * 3. A worker a partition: hands out a batch, asks for the verdict, records it. Dying before the record: the batch comes
 *    again, to the next holder. Dying after: the next holder goes on behind it
 *    [consumer-group-member.unit.spec.ts "a death before commit leaves everything that was not recorded to the next member"],
 *    [consumer-group-member.unit.spec.ts "a death after commit leaves everything that was not recorded to the next member"].
 *
 * A member that only seems dead keeps running its handler, but whatever it then records is refused, since its claims'
 * epochs are of the past.
 */
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Batch, Verdict } from '@daybook/kernel/ports/topics.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { backOffMs, reasonOf, rest, type BackOff } from '../runtime/loop.ts';
import { makeBell } from './bell.ts';
import { makeCommitter } from './committer.ts';
import {
  groupChannel,
  topicChannel,
  type GroupLedger,
  type Held,
  type Membership,
  type Want,
} from './group-ledger.ts';
import { holdPartition, receive, wantOf, type HeldPartition } from './held-partition.ts';
import { lose, workPartition, type WorkerContext } from './partition-worker.ts';

/** How a member paces itself. All in milliseconds. */
export type MemberPace = Readonly<{
  /** Without a sign of life for this long a member counts as dead. */
  leaseMs: number;
  heartbeatMs: number;
  /** Poll behind the wake-ups: at once after traffic, then doubling up to the idle one. */
  activePollMs: number;
  idlePollMs: number;
  /** Least time between two fetches that find no backlog. Bounds what a stream of single messages costs. */
  fetchGapMs: number;
  backOff: BackOff;
}>;

export type MemberOptions = Readonly<{
  topic: string;
  group: string;
  ledger: GroupLedger;
  handler: (batch: Batch) => Promise<Verdict>;
  signal: AbortSignal;
  maxBatch: number;
  pace: MemberPace;
  wakeups: Wakeups;
  log: Log;
}>;

type Fetching = 'some' | 'none' | 'failed';
type Asked = Readonly<{ part: HeldPartition; want: Want; lettersSettled: number }>;

/** Takes part in a group until the signal aborts; then finishes the batches in hand and leaves. */
export async function runMember(options: MemberOptions): Promise<void> {
  const { topic, group, ledger, signal, maxBatch, pace, wakeups } = options;
  const log = options.log.with({ topic, group });
  const parts = new Map<number, HeldPartition>();
  const workers = new Map<number, Promise<void>>();
  const hungry = makeBell();
  const left = new AbortController();
  const published = wakeups.subscribe(topicChannel(topic));
  const regrouped = wakeups.subscribe(groupChannel(topic, group));
  let leaseUntil = 0;
  // Synchronising and giving up take turns, so that no answer of the past brings back what was given up.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const result = turn.then(step);
    turn = result.catch(() => undefined);
    return result;
  };

  const context: WorkerContext = {
    topic,
    group,
    ledger,
    handler: options.handler,
    maxBatch,
    backOff: pace.backOff,
    log,
    stopping: () => signal.aborted,
    leaseUntil: () => leaseUntil,
    hungry: hungry.ring,
    commit: makeCommitter(ledger, () => leaseUntil, pace.backOff, log),
  };

  async function synchronise(first: boolean): Promise<void> {
    const asked = performance.now();
    await failpoint('topics.synchronising');
    const membership = await ledger.sync(first);
    await failpoint('topics.synchronised');
    leaseUntil = asked + pace.leaseMs;
    if (apply(membership) || first) wakeups.notify(groupChannel(topic, group));
  }

  /** True where what this member holds has changed. */
  function apply({ held, share }: Membership): boolean {
    let changed = false;
    const epochs = new Map(held.map(({ partition, epoch }) => [partition, epoch]));
    for (const part of parts.values()) {
      if (epochs.get(part.partition) === part.epoch && part.state !== 'lost') continue;
      lose(part);
      parts.delete(part.partition);
      changed = true;
    }
    for (const one of held) {
      if (signal.aborted || parts.has(one.partition)) continue;
      start(one);
      changed = true;
    }
    const idleFirst = [...parts.values()].sort((a, b) => Number(a.busy) - Number(b.busy));
    idleFirst.slice(0, Math.max(0, parts.size - share)).forEach((part) => (part.state = 'surplus'));
    for (const part of parts.values()) part.bell.ring();
    return changed;
  }

  function start(one: Held): void {
    const part = holdPartition(one, performance.now());
    parts.set(part.partition, part);
    // A former worker of the same partition may still wait for its handler.
    const before = workers.get(part.partition) ?? Promise.resolve();
    const worker = before
      .then(() => workPartition(part, context))
      .then(() => (part.state === 'surplus' && !signal.aborted ? giveUp(part) : undefined))
      .catch((error: unknown) => {
        log.error('A partition could not be given up; its lease does that.', reasonOf(error));
        lose(part);
      });
    workers.set(part.partition, worker);
  }

  async function giveUp(part: HeldPartition): Promise<void> {
    await inTurn(async () => {
      await failpoint('topics.givingUp');
      await ledger.giveUp({ partition: part.partition, epoch: part.epoch });
      await failpoint('topics.gaveUp');
      if (parts.get(part.partition) === part) parts.delete(part.partition);
    });
    wakeups.notify(groupChannel(topic, group));
  }

  /** Renews the lease, and no more where the group is as it was. */
  async function renew(): Promise<void> {
    const asked = performance.now();
    await failpoint('topics.synchronising');
    const isSame = (await ledger.renew?.()) ?? false;
    await failpoint('topics.synchronised');
    if (!isSame) return synchronise(false);
    const wasInDoubt = leaseUntil <= asked;
    leaseUntil = asked + pace.leaseMs;
    if (wasInDoubt) for (const part of parts.values()) part.bell.ring();
  }

  async function synchronising(): Promise<void> {
    let joined = false;
    let failures = 0;
    let renewals = 0;
    let called = true;
    while (!left.signal.aborted) {
      try {
        const whole = called || failures > 0 || renewals >= mostRenewals;
        await inTurn(() => (whole ? synchronise(!joined) : renew()));
        renewals = whole ? 0 : renewals + 1;
        joined = true;
        failures = 0;
      } catch (error) {
        failures += 1;
        log.warn('A consumer could not renew its lease.', { failures, ...reasonOf(error) });
      }
      const began = performance.now();
      const pauseMs =
        failures === 0
          ? untilShared(pace.heartbeatMs, began)
          : Math.min(backOffMs(pace.backOff, failures), pace.heartbeatMs);
      await regrouped.next(pauseMs, left.signal);
      called = performance.now() - began < pauseMs - earlyMs;
    }
  }

  async function fetching(): Promise<void> {
    let pollMs = pace.activePollMs;
    let began = -Infinity;
    let rested = false;
    let rung = true;
    while (!signal.aborted) {
      // A stream of wake-ups costs one fetch a gap; a backlog is fetched without pause.
      const gapMs = began + pace.fetchGapMs - performance.now();
      const backlog = [...parts.values()].some((part) => part.more);
      if (gapMs > 0 && !backlog) await rest(gapMs, signal);
      began = performance.now();
      const outcome: Fetching = rested && !rung ? await lookOnce() : await fetchOnce();
      pollMs = outcome === 'some' ? pace.activePollMs : Math.min(pollMs * 2, pace.idlePollMs);
      rested = outcome === 'none' && pollMs === pace.idlePollMs;
      if (outcome === 'failed') await new Promise((wake) => setTimeout(wake, pace.backOff.firstMs));
      rung = await hungry.wait(rested ? untilShared(pollMs, performance.now()) : pollMs);
    }
  }

  /** A look that nobody asked for, at rest. */
  async function lookOnce(): Promise<Fetching> {
    const wants = [...parts.values()].flatMap((part) => wantOf(part, maxBatch) ?? []);
    if (ledger.news === undefined || wants.length === 0) return fetchOnce();
    try {
      return (await ledger.news(wants)) ? await fetchOnce() : 'none';
    } catch (error) {
      log.warn('A consumer could not fetch.', reasonOf(error));
      return 'failed';
    }
  }

  async function fetchOnce(): Promise<Fetching> {
    const asked = [...parts.values()].flatMap((part) => {
      const want = wantOf(part, maxBatch);
      return want === null ? [] : [{ part, want, lettersSettled: part.lettersSettled }];
    });
    if (asked.length === 0) return 'none';
    // In a backlog the engine works on one half while this process takes the other in.
    const half = asked.some(({ part }) => part.more) ? Math.ceil(asked.length / 2) : asked.length;
    // Both are over before the next fetch begins: one under way would bring the same messages again.
    const halves = [asked.slice(0, half), asked.slice(half)].map(fetchSome);
    let outcome: Fetching = 'none';
    for (const settled of await Promise.allSettled(halves)) {
      if (settled.status === 'rejected') {
        log.warn('A consumer could not fetch.', reasonOf(settled.reason));
        outcome = 'failed';
      } else if (settled.value && outcome === 'none') outcome = 'some';
    }
    return outcome;
  }

  async function fetchSome(asked: readonly Asked[]): Promise<boolean> {
    if (asked.length === 0) return false;
    const answers = await ledger.fetch(
      asked.map(({ want }) => want),
      maxBatch,
    );
    const byPartition = new Map(answers.map((answer) => [answer.partition, answer]));
    for (const { part, lettersSettled } of asked) {
      const fetched = byPartition.get(part.partition);
      if (fetched === undefined) part.more = false;
      else receive(part, fetched, maxBatch, lettersSettled);
    }
    return answers.length > 0;
  }

  async function forwarding(): Promise<void> {
    while (!signal.aborted) {
      await published.next(60_000, signal);
      hungry.ring();
    }
  }

  const onAbort = (): void => {
    hungry.ring();
    for (const part of parts.values()) part.bell.ring();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  ledger.onNews?.(hungry.ring);
  const renewal = synchronising();
  try {
    await Promise.all([fetching(), forwarding()]);
    // The lease is kept until the last batch in hand is settled.
    await turn;
    await Promise.all(workers.values());
  } finally {
    left.abort();
    await renewal;
    published.close();
    regrouped.close();
    signal.removeEventListener('abort', onAbort);
  }
  await failpoint('topics.leaving');
  await ledger.leave().catch((error: unknown) => {
    log.warn('A consumer could not leave its group; its lease does that.', reasonOf(error));
  });
  await failpoint('topics.left');
  wakeups.notify(groupChannel(topic, group));
}

/** After so many renewals the group is looked at all the same: a signal that somebody joined may be lost. */
const mostRenewals = 3;

/** Timers may be early by so much. */
const earlyMs = 5;

/** Milliseconds until the next moment at which everybody of this process asks, so that one question is enough. */
function untilShared(pollMs: number, now: number): number {
  const left = pollMs - (now % pollMs);
  return left < Math.min(earlyMs, pollMs / 2) ? left + pollMs : left;
}
